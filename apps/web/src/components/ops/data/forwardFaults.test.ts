// @vitest-environment node
import { afterEach, expect, test, vi } from "vitest";
import { forward } from "./forward";
import { browserRequest, json, params, withStandIn, type Respond } from "../testing/standIn";

const console = withStandIn();
const jobs = forward("/ops/jobs");
const retry = forward("/ops/jobs/[jobId]/retry");

const read = () => jobs(browserRequest("/ops/jobs"), params());
const change = () => retry(browserRequest("/ops/jobs/7/retry", { method: "POST" }), params({ jobId: "7" }));
const asked = () => new Promise<void>((resolve) => (console.onRequest = resolve));

afterEach(() => {
  vi.useRealTimers();
});

const text =
  (type: string, content: string, status = 200): Respond =>
  (_request, response) => {
    response.writeHead(status, { "Content-Type": type }).end(content);
  };

const cut =
  (headers: Record<string, string>): Respond =>
  (_request, response) => {
    response.writeHead(200, { "Content-Type": "application/json", ...headers });
    response.write('{"jobs": [', () => response.destroy());
  };

const BROKEN: [string, Respond][] = [
  ["HTML", text("text/html", "<h1>It works</h1>")],
  ["HTML with an error's status", text("text/html", "<h1>Bad gateway</h1>", 500)],
  ["HTML that says to be JSON", text("application/json", "<h1>It works</h1>")],
  ["JSON that says to be HTML", text("text/html", "{}")],
  ["nothing at all", text("application/json", "")],
  ["half of JSON, which says to be whole", text("application/json", '{"jobs": [')],
  [
    "bytes that are no text",
    (_request, response) =>
      response.writeHead(200, { "Content-Type": "application/json" }).end(Buffer.from([0x22, 0xff, 0x22])),
  ],
  ["an answer that is cut, with its length", cut({ "Content-Length": "1000" })],
  ["an answer that is cut, in chunks", cut({})],
  ["more than 2 MiB", json({ text: "x".repeat(2 * 1024 * 1024) })],
  ["a redirect to a login", (_request, response) => response.writeHead(302, { Location: "/login" }).end()],
  ["a redirect with JSON", json({}, 307, { Location: "/ops/jobs/" })],
];

test.each(BROKEN)("the console answers %s: 502 with a sentence", async (_name, respond) => {
  console.respond = respond;
  const answer = await read();
  expect(answer.status).toBe(502);
  expect(answer.headers.get("Cache-Control")).toBe("no-store");
  expect(await answer.json()).toEqual({
    detail: "The console’s answer was incomplete or not JSON.",
    code: "broken_answer",
  });
  expect(console.received).toHaveLength(1);
});

test("the console is away: 502 with a sentence", async () => {
  process.env.CORE_API_URL = "http://127.0.0.1:9";
  for (const answer of [await read(), await change()]) {
    expect(answer.status).toBe(502);
    expect(await answer.json()).toEqual({
      detail: "The console is unreachable.",
      code: "console_unreachable",
    });
  }
});

test("the connection breaks before an answer: 502", async () => {
  console.respond = (request) => request.socket.destroy();
  expect((await read()).status).toBe(502);
});

test("nobody has said where the console is: 502 with what to do", async () => {
  delete process.env.CORE_API_URL;
  const answer = await read();
  expect(answer.status).toBe(502);
  expect(await answer.json()).toEqual({
    detail: "The console’s address isn’t set. Set OPS_API_URL or CORE_API_URL.",
    code: "console_not_configured",
  });
});

const SLOW: [string, Respond][] = [
  ["doesn't answer", () => {}],
  [
    "begins and doesn't end",
    (_request, response) => void response.writeHead(200, { "Content-Type": "application/json" }).write("{"),
  ],
];

test.each(SLOW)("a console that %s within 15 s: 504 with a sentence", async (_name, respond) => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  console.respond = respond;
  const there = asked();
  const answer = change();
  await there;
  vi.advanceTimersByTime(14_999);
  const early = await Promise.race([
    answer,
    new Promise((resolve) => setImmediate(() => resolve("none yet"))),
  ]);
  expect(early).toBe("none yet");
  vi.advanceTimersByTime(1);
  const { status } = await answer;
  expect(status).toBe(504);
  expect(await (await answer).json()).toEqual({
    detail: "The console took too long to answer.",
    code: "console_too_slow",
  });
});

test("a console that takes 10 s is waited for", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  let end = () => {};
  console.respond = (request, response, body) => (end = () => json({ late: true })(request, response, body));
  const there = asked();
  const answer = read();
  await there;
  vi.advanceTimersByTime(10_000);
  end();
  expect(await (await answer).json()).toEqual({ late: true });
});

test("a browser that goes away ends a read, and leaves a change to its end", async () => {
  const closed = vi.fn();
  let end = () => {};
  console.respond = (request, response, body) => {
    request.socket.on("close", closed);
    end = () => json({ done: true })(request, response, body);
  };
  const leaving = new AbortController();
  let there = asked();
  const reading = jobs(browserRequest("/ops/jobs", { signal: leaving.signal }), params());
  await there;
  leaving.abort();
  await reading;
  await vi.waitFor(() => expect(closed).toHaveBeenCalledTimes(1));

  const alsoLeaving = new AbortController();
  there = asked();
  const changing = retry(
    browserRequest("/ops/jobs/7/retry", { method: "POST", signal: alsoLeaving.signal }),
    params({ jobId: "7" }),
  );
  await there;
  alsoLeaving.abort();
  end();
  expect(await (await changing).json()).toEqual({ done: true });
});
