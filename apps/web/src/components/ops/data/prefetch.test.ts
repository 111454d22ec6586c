// @vitest-environment node
import { afterEach, expect, test, vi } from "vitest";
import { recorded } from "../testing/recordings";
import { json, withStandIn, type Respond } from "../testing/standIn";
import { keys } from "./keys";
import { prefetch } from "./prefetch";
import { jobFilters, readParams } from "./urlParams";

const console = withStandIn();

afterEach(() => {
  vi.useRealTimers();
});

const at = (query: string) => readParams(new URLSearchParams(query));

const respond: Respond = (request, response, body) => {
  const { pathname } = new URL(request.url ?? "", "http://console");
  const names: Record<string, string> = { "/ops/jobs": "jobs", "/ops/meta": "meta", "/ops/runs": "runs" };
  json(names[pathname] ? recorded(names[pathname]) : { path: pathname })(request, response, body);
};

async function fetched(query: string, session: string | undefined = "abc") {
  const { state, servedAt } = await prefetch(at(query), session);
  const byKey = new Map(state.queries.map((one) => [JSON.stringify(one.queryKey), one.state.data]));
  return { get: (key: readonly unknown[]) => byKey.get(JSON.stringify(key)), size: byKey.size, servedAt };
}

test("the page's first answers are fetched with the session, under the keys that the browser looks for", async () => {
  console.respond = respond;
  const data = await fetched("status=failed&page=2");
  expect(data.get(keys.jobs(jobFilters(at("status=failed&page=2"))))).toEqual(recorded("jobs"));
  expect(data.get(keys.meta())).toEqual(recorded("meta"));
  expect(data.get(keys.sync())).toEqual({ path: "/ops/sync/status" });
  expect(data.get(keys.backup())).toEqual({ path: "/ops/backup/status" });
  expect(data.get(keys.history())).toEqual({ path: "/ops/backup/history" });
  expect(data.get(keys.health())).toEqual({ path: "/ops/health" });
  expect(console.received.map((one) => one.url)).toContain("/ops/jobs?status=failed&limit=50&offset=50");
  expect(new Set(console.received.map((one) => one.headers.cookie))).toEqual(new Set(["session=abc"]));
});

test("the job that the URL opens is fetched too", async () => {
  console.respond = respond;
  const data = await fetched("job=12");
  expect(data.get(keys.job(12))).toEqual({ path: "/ops/jobs/12" });
});

test("what fails is absent, and takes nothing else with it", async () => {
  console.respond = (request, response, body) =>
    request.url?.startsWith("/ops/backup")
      ? json({ detail: "The database doesn’t answer.", code: "database_unreachable" }, 503)(
          request,
          response,
          body,
        )
      : respond(request, response, body);
  const data = await fetched("");
  expect(data.get(keys.backup())).toBeUndefined();
  expect(data.get(keys.meta())).toEqual(recorded("meta"));
});

test("what takes more than 1.5 s is left to the browser", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const health = new Promise<void>((resolve) => {
    console.respond = (request) => {
      if (request.url === "/ops/health") resolve();
    };
  });
  const data = fetched("");
  await health;
  vi.advanceTimersByTime(1_499);
  const early = await Promise.race([data, new Promise((resolve) => setImmediate(() => resolve("none yet")))]);
  expect(early).toBe("none yet");
  vi.advanceTimersByTime(1);
  expect((await data).size).toBe(0);
});

test("without a session, or without a console, the page goes out without data", async () => {
  expect((await fetched("", "")).size).toBe(0);
  expect(console.received).toEqual([]);
  process.env.CORE_API_URL = "http://127.0.0.1:9";
  expect((await fetched("")).size).toBe(0);
});
