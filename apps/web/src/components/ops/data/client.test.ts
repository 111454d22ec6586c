import { http, HttpResponse } from "msw";
import { expect, test } from "vitest";
import { refuse, server, unreachable } from "../testing";
import { ask, client } from "./client";
import { isForbidden, isOutcomeUnknown, isSessionEnded, OpsError } from "./problem";

const counts = () => ask(client.GET("/ops/jobs/counts", {}));
const errorOf = (call: Promise<unknown>) =>
  call.then(
    () => {
      throw new Error("That should have failed.");
    },
    (error: unknown) => error as OpsError,
  );

test("an error of the console is its sentence, its code and what else it says", async () => {
  refuse("/ops/jobs/counts", 503, "database_unreachable", "The database doesn’t answer.", {
    headers: { "Retry-After": "5" },
    more: { errors: { limit: ["Too many."] } },
  });
  const error = await errorOf(counts());
  expect(error).toBeInstanceOf(OpsError);
  expect(error).toMatchObject({
    status: 503,
    code: "database_unreachable",
    message: "The database doesn’t answer.",
    retryAfter: 5,
    errors: { limit: ["Too many."] },
  });
  expect(isOutcomeUnknown(error)).toBe(true);
});

test("an ended session and a missing permission are told apart", async () => {
  refuse("/ops/jobs/counts", 401, "session_ended", "Your session has ended.");
  expect(isSessionEnded(await errorOf(counts()))).toBe(true);
  refuse("/ops/jobs/counts", 403, "permission_denied", "You are not allowed to do this.");
  const error = await errorOf(counts());
  expect([isSessionEnded(error), isForbidden(error)]).toEqual([false, true]);
});

test("no answer at all has a sentence too", async () => {
  unreachable("/ops/jobs/counts");
  expect(await errorOf(counts())).toMatchObject({
    status: 0,
    code: "unreachable",
    message: "The server can’t be reached. Check your connection.",
  });
});

test.each([
  ["HTML with an error's status", 502, "<h1>Bad gateway</h1>", "The console is unreachable."],
  ["HTML with a good status", 200, "<h1>Welcome</h1>", "The server sent an answer that isn’t JSON."],
  ["an error in another shape", 418, '["teapot"]', "The console answered with status 418."],
])("%s has a sentence, never a piece of the page", async (_name, status, body, message) => {
  server.use(http.get("*/api/core/ops/jobs/counts", () => new HttpResponse(body, { status })));
  const error = await errorOf(counts());
  expect(error).toBeInstanceOf(OpsError);
  expect(error.message).toBe(message);
});

test("a call that was given up is no error of the page", async () => {
  const giving = new AbortController();
  server.use(http.get("*/api/core/ops/jobs/counts", () => new Promise(() => {})));
  const call = errorOf(ask(client.GET("/ops/jobs/counts", { signal: giving.signal })));
  giving.abort();
  expect((await call).name).toBe("AbortError");
});
