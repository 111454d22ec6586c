import "server-only";

/** An answer longer than this is none of the console's. */
const MOST_BYTES = 2 * 1024 * 1024;
const PATIENCE_MS = 15_000;

const FROM_BROWSER = ["Content-Type", "Idempotency-Key", "If-None-Match", "X-Request-ID"];
const TO_BROWSER = ["ETag", "Cache-Control", "Vary", "Content-Type", "Retry-After", "X-Request-ID"];

export type Call = {
  method: string;
  /** With the query: `/ops/jobs?limit=5`. */
  path: string;
  /** The value of the cookie `session`, as the browser sent it. */
  session: string;
  headers?: Headers;
  body?: Uint8Array<ArrayBuffer>;
  /** Aborts the call. */
  signal?: AbortSignal;
  patienceMs?: number;
};

/** An answer in the API's error shape that isn't the console's. */
export function problem(status: number, code: string, detail: string): Response {
  return Response.json({ detail, code }, { status, headers: { "Cache-Control": "no-store" } });
}

const unreachable = () => problem(502, "console_unreachable", "The console is unreachable.");
const broken = () => problem(502, "broken_answer", "The console’s answer was incomplete or not JSON.");
const tooSlow = () => problem(504, "console_too_slow", "The console took too long to answer.");

function pick(headers: Headers | undefined, names: string[]): Headers {
  const picked = new Headers();
  for (const name of names) {
    const value = headers?.get(name);
    if (value) picked.set(name, value);
  }
  return picked;
}

/** Returns the whole stream, or null where it is longer than `most` bytes. Throws where it breaks off. */
export async function readAll(
  stream: ReadableStream<Uint8Array> | null,
  most: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (!stream) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.byteLength;
    if (size > most) {
      await reader.cancel().catch(() => undefined);
      return null;
    }
    chunks.push(value);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

function isJson(body: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    return true;
  } catch {
    return false;
  }
}

/** Takes an answer only whole and in the API's form: half of one would pass for all. */
async function takeOver(answer: Response, method: string): Promise<Response> {
  const { status } = answer;
  const headers = pick(answer.headers, TO_BROWSER);
  if (status === 304 || status === 204 || method === "HEAD") {
    await answer.body?.cancel();
    return new Response(null, { status, headers });
  }
  const body = status >= 300 && status < 400 ? null : await readAll(answer.body, MOST_BYTES);
  // What was parsed is not sent on: JavaScript would round the largest integers.
  const isSound = body !== null && /\bjson\b/i.test(headers.get("Content-Type") ?? "") && isJson(body);
  if (isSound) return new Response(body, { status, headers });
  if (body === null) await answer.body?.cancel().catch(() => undefined);
  return broken();
}

/**
 * Calls the console as whoever has the session. Every outcome is an answer with JSON; this never throws.
 *
 * Returns: the console's answer with the headers that may pass, or 502 or 504 with a sentence.
 */
export async function callConsole(call: Call): Promise<Response> {
  const base = process.env.OPS_API_URL || process.env.CORE_API_URL;
  if (!base)
    return problem(
      502,
      "console_not_configured",
      "The console’s address isn’t set. Set OPS_API_URL or CORE_API_URL.",
    );
  const { method, path, session, body, signal, patienceMs = PATIENCE_MS } = call;

  const headers = pick(call.headers, FROM_BROWSER);
  headers.set("Accept", "application/json");
  headers.set("Cookie", `session=${session}`);

  const ending = new AbortController();
  const abort = () => ending.abort();
  const timer = setTimeout(abort, patienceMs);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort);
  try {
    const answer = await fetch(base.replace(/\/+$/, "") + path, {
      method,
      headers,
      body,
      cache: "no-store",
      redirect: "manual",
      signal: ending.signal,
    });
    return await takeOver(answer, method);
  } catch (error) {
    if (ending.signal.aborted) return tooSlow();
    // Before an answer began, fetch throws a TypeError with the cause; afterwards the stream does.
    return error instanceof TypeError && error.message === "fetch failed" ? unreachable() : broken();
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}
