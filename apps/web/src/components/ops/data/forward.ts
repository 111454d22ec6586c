import "server-only";
import { sessionIn } from "./session";
import { isSameSite } from "./site";
import { callConsole, problem, readAll } from "./upstream";

/** What a route handler gets: in Next 14 the parameters themselves, later a promise of them. `await` takes both. */
type Context = { params: Promise<Record<string, string>> };

export type Handler = (request: Request, context: Context) => Promise<Response>;

const MOST_BYTES = 1024 * 1024;
const HIGHEST_ID = BigInt("9223372036854775807");
const UNSAFE = /^(POST|PUT|PATCH|DELETE)$/;

const isNumber = (text: string): boolean => /^[1-9]\d{0,18}$/.test(text) && BigInt(text) <= HIGHEST_ID;
/** Ids of runs and of Celery's tasks. Nothing that could lead to another path. */
const isName = (text: string): boolean => /^(?=.*[A-Za-z0-9])[A-Za-z0-9._:-]{1,200}$/.test(text);

function fill(template: string, params: Record<string, string>): string | null {
  let invalid = false;
  const path = template.replaceAll(/\[(\w+)\]/g, (_whole, name: string) => {
    const value = params[name] ?? "";
    const isNamed = name === "runId" || !/^\/ops\/(jobs|identities)\//.test(template);
    if (!(isNamed ? isName(value) : isNumber(value))) invalid = true;
    return value;
  });
  return invalid ? null : path;
}

/**
 * Makes a route handler that passes a request on to the console, with the session's cookie and nothing else that the browser
 * sends along.
 *
 * Args:
 *   template: the console's path; `[name]` stands for the route's parameter: `/ops/jobs/[jobId]/retry`.
 */
export function forward(template: string): Handler {
  return async (request, context) => {
    const session = sessionIn(request.headers.get("Cookie"));
    if (session === null) return problem(401, "session_ended", "Your session has ended. Log in again.");
    const isUnsafe = UNSAFE.test(request.method);
    if (isUnsafe && !isSameSite(request))
      return problem(403, "cross_site", "This request came from another site.");
    const path = fill(template, await context.params);
    if (path === null) return problem(400, "invalid", "The id in the address is invalid.");

    let body: Uint8Array<ArrayBuffer> | undefined;
    if (isUnsafe) {
      const announced = Number(request.headers.get("Content-Length") ?? 0);
      const read =
        announced > MOST_BYTES ? null : await readAll(request.body, MOST_BYTES).catch(() => undefined);
      if (read === null) return problem(413, "too_large", "The request is larger than 1 MiB.");
      if (read === undefined) return problem(400, "invalid", "The request was incomplete.");
      if (read.byteLength > 0) body = read;
    }

    return callConsole({
      method: request.method,
      path: path + new URL(request.url).search,
      session,
      headers: request.headers,
      body,
      // A change that has begun goes on: its answer is kept under its idempotency key.
      signal: isUnsafe ? undefined : request.signal,
    });
  };
}
