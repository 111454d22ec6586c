import { useQuery } from "@tanstack/react-query";
import { act, screen, waitFor } from "@testing-library/react";
import { http, HttpResponse } from "msw";
import { expect, test, vi } from "vitest";
import { answer, recorded, refuse, renderOps, server } from "../testing";
import { ask, client } from "./client";
import { keys } from "./keys";
import type { JobDetails, JobRetried } from "./schema.generated";
import { useAction } from "./useAction";

const RETRY = "/ops/jobs/{id}/retry";

function Row({ id = 7 }: { id?: number }) {
  const job = useQuery({
    queryKey: keys.job(id),
    queryFn: () => ask(client.GET("/ops/jobs/{id}", { params: { path: { id } } })),
  });
  const retry = useAction({
    call: (job: number, key) =>
      ask(
        client.POST(RETRY, { params: { path: { id: job }, header: { "Idempotency-Key": key } }, body: {} }),
      ),
    invalidates: [keys.allJobs()],
  });
  return (
    <>
      <p>Job is {job.data?.status}</p>
      <button onClick={() => retry.mutate(id)}>Retry job</button>
      {retry.isPending ? <p>Under way</p> : null}
      {retry.error ? <p role="alert">{retry.error.message}</p> : null}
      {retry.data ? <p>Answer: {retry.data.message}</p> : null}
    </>
  );
}

const failed = () => recorded<JobDetails>("job_failed");
const retried = () => recorded<JobRetried>("retried");
const announced = () => screen.getByTestId("announcer");
const keysOf = (asked: { headers: Headers }[]) => asked.map((one) => one.headers.get("Idempotency-Key"));

test("an action announces its outcome and asks again for what it changed", async () => {
  answer("/ops/jobs/{id}", failed());
  answer(RETRY, retried(), { method: "post" });
  const { user } = renderOps(<Row />);
  await screen.findByText("Job is failed");
  answer("/ops/jobs/{id}", { ...failed(), status: "queued" });
  await user.click(screen.getByRole("button", { name: "Retry job" }));
  expect(await screen.findByText("Job is queued")).toBeInTheDocument();
  expect(announced()).toHaveTextContent(retried().message);
});

test("each click has a key of its own", async () => {
  answer("/ops/jobs/{id}", failed());
  const asked = answer(RETRY, retried(), { method: "post" });
  const { user } = renderOps(<Row />);
  for (const times of [1, 2]) {
    await user.click(screen.getByRole("button", { name: "Retry job" }));
    await waitFor(() => expect(asked).toHaveLength(times));
    await screen.findByText(/^Answer/);
  }
  const [first, second] = keysOf(asked);
  expect(first).toMatch(/^[0-9a-f]{32}$/);
  expect(second).toMatch(/^[0-9a-f]{32}$/);
  expect(second).not.toBe(first);
});

test("a conflict shows its sentence and refreshes the row", async () => {
  answer("/ops/jobs/{id}", failed());
  refuse(RETRY, 409, "not_failed", "Job #7 is running.", { method: "post" });
  const { user } = renderOps(<Row />);
  await screen.findByText("Job is failed");
  answer("/ops/jobs/{id}", { ...failed(), status: "running" });
  await user.click(screen.getByRole("button", { name: "Retry job" }));
  expect(await screen.findByRole("alert")).toHaveTextContent("Job #7 is running.");
  expect(await screen.findByText("Job is running")).toBeInTheDocument();
  expect(announced()).toHaveTextContent("Job #7 is running.");
});

test("a click whose answer got lost on the way is sent again with the same key", async () => {
  answer("/ops/jobs/{id}", failed());
  const lost: (string | null)[] = [];
  const asked = answer(RETRY, retried(), { method: "post" });
  server.use(
    http.post(
      "*/api/core/ops/jobs/:id/retry",
      ({ request }) => {
        lost.push(request.headers.get("Idempotency-Key"));
        return HttpResponse.error();
      },
      { once: true },
    ),
  );
  const { user } = renderOps(<Row />);
  await user.click(screen.getByRole("button", { name: "Retry job" }));
  expect(await screen.findByText(/^Answer/, undefined, { timeout: 3_000 })).toBeInTheDocument();
  expect(keysOf(asked)).toEqual(lost);
});

test("while nobody knows whether a click took effect, the next one on the same thing keeps its key", async () => {
  answer("/ops/jobs/{id}", failed());
  const first = refuse(RETRY, 504, "console_too_slow", "The console took too long to answer.", {
    method: "post",
  });
  const { user } = renderOps(<Row />);
  await user.click(screen.getByRole("button", { name: "Retry job" }));
  await screen.findByRole("alert");
  const second = answer(RETRY, retried(), { method: "post" });
  await user.click(screen.getByRole("button", { name: "Retry job" }));
  await screen.findByText(/^Answer/);
  expect(first).toHaveLength(1);
  expect(keysOf(second)).toEqual(keysOf(first));
});

test.each([
  [400, "invalid"],
  [403, "permission_denied"],
  [404, "not_found"],
  [413, "too_large"],
  [422, "idempotency_key_reused"],
  [429, "throttled"],
  [503, "unavailable"],
])("an answer %i is shown as its sentence, and not sent again", async (status, code) => {
  answer("/ops/jobs/{id}", failed());
  const asked = refuse(RETRY, status, code, `The sentence of ${status}.`, { method: "post" });
  const { user } = renderOps(<Row />);
  await user.click(screen.getByRole("button", { name: "Retry job" }));
  expect(await screen.findByRole("alert")).toHaveTextContent(`The sentence of ${status}.`);
  expect(asked).toHaveLength(1);
});

test("a second click before the button is switched off sends nothing more", async () => {
  answer("/ops/jobs/{id}", failed());
  const asked = answer(RETRY, retried(), { method: "post" });
  renderOps(<Row />);
  const button = await screen.findByRole("button", { name: "Retry job" });
  act(() => {
    button.click();
    button.click();
  });
  await screen.findByText(/^Answer/);
  expect(asked).toHaveLength(1);
});

test("minutes after an unknown outcome, the same click means a new action", async () => {
  answer("/ops/jobs/{id}", failed());
  const first = refuse(RETRY, 504, "console_too_slow", "The console took too long to answer.", {
    method: "post",
  });
  const { user } = renderOps(<Row />);
  await user.click(screen.getByRole("button", { name: "Retry job" }));
  await screen.findByRole("alert");
  const second = answer(RETRY, retried(), { method: "post" });
  const later = Date.now() + 10 * 60_000;
  const clock = vi.spyOn(Date, "now").mockImplementation(() => later);
  await user.click(screen.getByRole("button", { name: "Retry job" }));
  await screen.findByText(/^Answer/);
  clock.mockRestore();
  expect(keysOf(second)).not.toEqual(keysOf(first));
});

test("an action on another row doesn't take the key of one whose outcome is unknown", async () => {
  answer("/ops/jobs/{id}", failed());
  const first = refuse(RETRY, 504, "console_too_slow", "The console took too long to answer.", {
    method: "post",
  });
  const { user, rerender } = renderOps(<Row />);
  await user.click(screen.getByRole("button", { name: "Retry job" }));
  await screen.findByRole("alert");
  const others = answer(RETRY, retried(), { method: "post" });
  rerender(<Row id={8} />);
  await user.click(screen.getByRole("button", { name: "Retry job" }));
  await screen.findByText(/^Answer/);
  rerender(<Row id={7} />);
  await user.click(screen.getByRole("button", { name: "Retry job" }));
  await waitFor(() => expect(others).toHaveLength(2));
  expect(keysOf(others)[0]).not.toEqual(keysOf(first)[0]);
  expect(keysOf(others)[1]).toEqual(keysOf(first)[0]);
});
