// @vitest-environment node
import { expect, test } from "vitest";
import { forward } from "./forward";
import { browserRequest, json, params, withStandIn } from "../testing/standIn";

const console = withStandIn();
const jobs = forward("/ops/jobs");
const job = forward("/ops/jobs/[jobId]");
const retry = forward("/ops/jobs/[jobId]/retry");
const BIG = "x".repeat(1024 * 1024 + 1);

async function shown(answer: Response) {
  return { status: answer.status, body: (await answer.json()) as { detail: string; code: string } };
}

test("without a session's cookie it answers 401 and calls nothing", async () => {
  for (const Cookie of ["", "other=1", "session=", "xsession=1"]) {
    const { status, body } = await shown(
      await jobs(browserRequest("/ops/jobs", { headers: { Cookie } }), params()),
    );
    expect(status).toBe(401);
    expect(body.detail).toBe("Your session has ended. Log in again.");
  }
  expect(console.received).toEqual([]);
});

test("method, path, query, body and status pass, and of the cookies only the session's", async () => {
  console.respond = json({ id: 7 }, 202);
  const request = browserRequest("/ops/jobs/7/retry?a=1&b=%C3%A9&a=2", {
    method: "POST",
    body: '{"confirm": true}',
    headers: { Cookie: "theme=dark; session=a=b/c%20d; other=1" },
  });
  const answer = await retry(request, params({ jobId: "7" }));
  expect(await shown(answer)).toMatchObject({ status: 202, body: { id: 7 } });
  expect(console.received).toHaveLength(1);
  expect(console.received[0]).toMatchObject({
    method: "POST",
    url: "/ops/jobs/7/retry?a=1&b=%C3%A9&a=2",
    body: '{"confirm": true}',
    headers: { cookie: "session=a=b/c%20d" },
  });
});

test("of the browser's headers only the named ones pass", async () => {
  const named = {
    "content-type": "application/json",
    "idempotency-key": "click-1",
    "if-none-match": '"abc"',
    "x-request-id": "r-1",
  };
  const others = {
    authorization: "Token stolen",
    referer: "https://front.example/ops",
    "x-csrftoken": "1",
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-host": "front.example",
    "accept-language": "de",
  };
  await retry(
    browserRequest("/ops/jobs/7/retry", {
      method: "POST",
      body: "{}",
      headers: { ...named, ...others, Accept: "text/html" },
    }),
    params({ jobId: "7" }),
  );
  const { headers } = console.received[0]!;
  expect(headers).toMatchObject({ ...named, accept: "application/json" });
  for (const name of [
    "authorization",
    "referer",
    "x-csrftoken",
    "x-forwarded-for",
    "x-forwarded-host",
    "origin",
  ]) {
    expect(headers, name).not.toHaveProperty(name);
  }
  expect(headers["accept-language"]).not.toBe("de");
  expect(headers["sec-fetch-site"]).toBeUndefined();
});

test("of the console's headers only the named ones pass", async () => {
  const named = {
    etag: '"abc"',
    "cache-control": "private, no-cache",
    vary: "Cookie, Authorization",
    "retry-after": "5",
    "x-request-id": "r-1",
    "content-type": "application/json",
  };
  const { "content-type": _type, ...rest } = named;
  console.respond = json({}, 200, {
    ...rest,
    "Set-Cookie": "sessionid=1",
    Server: "gunicorn",
    "X-Other": "1",
    Link: "x",
  });
  const answer = await jobs(browserRequest("/ops/jobs"), params());
  expect(Object.fromEntries(answer.headers)).toEqual(named);
});

test("a 304 passes with its ETag and without a body", async () => {
  console.respond = (_request, response) => response.writeHead(304, { ETag: '"abc"' }).end();
  const answer = await jobs(browserRequest("/ops/jobs", { headers: { "If-None-Match": '"abc"' } }), params());
  expect(answer.status).toBe(304);
  expect(answer.headers.get("ETag")).toBe('"abc"');
  expect(await answer.text()).toBe("");
});

test("integers that JavaScript can't hold arrive digit by digit", async () => {
  const text = '{"id": 9223372036854775807}';
  console.respond = (_request, response) =>
    response.writeHead(200, { "Content-Type": "application/json" }).end(text);
  expect(await (await jobs(browserRequest("/ops/jobs"), params())).text()).toBe(text);
});

test("each error of the console passes as its sentence", async () => {
  for (const status of [400, 403, 404, 409, 413, 422, 429, 503]) {
    const problem = { detail: `The sentence of ${status}.`, code: "some_code" };
    console.respond = json(problem, status, { "Retry-After": "7" });
    const answer = await jobs(browserRequest("/ops/jobs"), params());
    expect(answer.headers.get("Retry-After")).toBe("7");
    expect(await shown(answer)).toEqual({ status, body: problem });
  }
});

test("OPS_API_URL goes before CORE_API_URL, and both are read at each request", async () => {
  const { url } = console;
  process.env.CORE_API_URL = "http://127.0.0.1:9";
  process.env.OPS_API_URL = `${url}/behind/`;
  await jobs(browserRequest("/ops/jobs"), params());
  process.env.OPS_API_URL = "";
  process.env.CORE_API_URL = url;
  await jobs(browserRequest("/ops/jobs"), params());
  expect(console.received.map((one) => one.url)).toEqual(["/behind/ops/jobs", "/ops/jobs"]);
});

test("an id that no job can have is a 400, without a call", async () => {
  const ids = [
    "0",
    "-1",
    "1.5",
    "abc",
    "",
    "..",
    "1/retry",
    "%31",
    "1?x=1",
    "01",
    "9223372036854775808",
    "1 ",
    "١",
  ];
  for (const jobId of ids) {
    const { status, body } = await shown(await job(browserRequest("/ops/jobs/x"), params({ jobId })));
    expect([jobId, status]).toEqual([jobId, 400]);
    expect(body).toMatchObject({ code: "invalid" });
  }
  expect(console.received).toEqual([]);
  await job(browserRequest("/ops/jobs/x"), params({ jobId: "9223372036854775807" }));
  expect(console.received.map((one) => one.url)).toEqual(["/ops/jobs/9223372036854775807"]);
});

test("ids of runs and tasks are names, which lead to no other path", async () => {
  const run = forward("/ops/runs/[runId]");
  const poll = forward("/ops/backfill/[jobId]");
  for (const id of ["..", ".", "a/b", "a%2fb", "a\\b", "a?b", "a#b", "", "x".repeat(201)]) {
    expect((await run(browserRequest("/ops/runs/x"), params({ runId: id }))).status).toBe(400);
    expect((await poll(browserRequest("/ops/backfill/x"), params({ jobId: id }))).status).toBe(400);
  }
  await run(browserRequest("/ops/runs/x"), params({ runId: "b5a5c1c4-6e53-4c56-9d0f-1f5a4e6b7c01" }));
  await poll(browserRequest("/ops/backfill/x"), params({ jobId: "task.7_x" }));
  expect(console.received.map((one) => one.url)).toEqual([
    "/ops/runs/b5a5c1c4-6e53-4c56-9d0f-1f5a4e6b7c01",
    "/ops/backfill/task.7_x",
  ]);
});

test("a body over 1 MiB is a 413 without a call, whether or not it says its length", async () => {
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(BIG));
      controller.close();
    },
  });
  for (const sent of [{ body: BIG, headers: { "Content-Length": String(BIG.length) } }, { body: stream }]) {
    const request = browserRequest("/ops/jobs/7/retry", { method: "POST", ...sent });
    expect((await retry(request, params({ jobId: "7" }))).status).toBe(413);
  }
  expect(console.received).toEqual([]);
});

test("a change without a body is sent without one", async () => {
  await retry(browserRequest("/ops/jobs/7/retry", { method: "POST" }), params({ jobId: "7" }));
  expect(console.received[0]).toMatchObject({ method: "POST", body: "", headers: { "content-length": "0" } });
});
