import { screen, waitFor, within } from "@testing-library/react";
import { afterEach, describe, expect, test, vi } from "vitest";
import { accepted, aJob, answerFirst, aPage, aPendingRun, aRun, OTHER_ID, RUN_ID } from "../testing/runs";
import { BackfillPanel } from "../BackfillControls";
import type { Run } from "../data/schema.generated";
import { answer, recorded, refuse, renderOps } from "../testing";

afterEach(() => vi.useRealTimers());

const button = (name: string | RegExp) => screen.findByRole("button", { name });

describe("The progress of runs", () => {
  test("shows runs that were under way before the page was loaded, their progress unknown and not 0", async () => {
    answerFirst({ runs: [aPendingRun({ by_status: { queued: 1 } })] });
    renderOps(<BackfillPanel />);
    expect(await screen.findByText("Progress not known yet")).toBeInTheDocument();
    expect(screen.getByText("Queued")).toBeInTheDocument();
    expect(screen.queryByRole("progressbar")).toBeNull();
  });

  test("counts jobs that have ended where messages can’t be counted", async () => {
    answerFirst({ runs: [aPendingRun({ job_count: 10, by_status: { running: 2, done: 7, failed: 1 } })] });
    renderOps(<BackfillPanel />);
    expect(await screen.findByText(/8 of 10 jobs ended/)).toBeInTheDocument();
  });

  test("cancels after asking, and tells cancelling from cancelled", async () => {
    answerFirst({ runs: [aPendingRun()] });
    const asked = answer(
      "/ops/runs/{id}/cancel",
      {
        id: RUN_ID,
        status: "pending",
        message: "1 job is cancelling.",
        done: [],
        cancelling: [20147],
        refused: [],
        warnings: [],
        run: aPendingRun({ cancelling: 1 }),
      },
      { method: "post" },
    );
    const { user } = renderOps(<BackfillPanel />);
    await user.click(await button("Cancel run: Backfill Quiet Harbor"));
    const dialog = await screen.findByRole("alertdialog", { name: "Cancel run" });
    answerFirst({ runs: [aPendingRun({ cancelling: 1 })] });
    await user.click(within(dialog).getByRole("button", { name: "Cancel run" }));
    expect(await screen.findByText("Cancelling")).toBeInTheDocument();
    expect(screen.queryByText("Cancelled")).toBeNull();
    expect(asked).toHaveLength(1);
    expect(await button("Cancel run: Backfill Quiet Harbor")).toHaveAccessibleDescription(
      "The run is being cancelled.",
    );
  });

  test("shows the sums and the errors of a run that is done with errors", async () => {
    const result = {
      status: "success",
      new_messages: 1600,
      new_conversations: 12,
      urls_seen: 3,
      errors: ["Image 5 is gone.", "x".repeat(5000)],
    };
    const run = aRun({ result });
    answerFirst({ runs: [run] });
    answer("/ops/runs/{id}", run);
    const { user } = renderOps(<BackfillPanel />);
    // The list doesn't tell whether there were errors.
    expect(await screen.findByText("Ended")).toBeInTheDocument();
    await user.click(await button("Show result of Backfill Quiet Harbor"));
    expect(await screen.findByText("Done with errors")).toBeInTheDocument();
    expect(screen.getByText("1,600")).toBeInTheDocument();
    expect(screen.getByText("Urls seen")).toBeInTheDocument();
    expect(screen.getByText("2 errors")).toBeInTheDocument();
    expect(screen.getByText("Image 5 is gone.")).toBeInTheDocument();
    expect(screen.queryByText("Ended")).toBeNull();
  });

  test("stops asking for a run when it has ended", async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    answerFirst();
    answer("/ops/backfill/conversations", accepted(), { method: "post", status: 202 });
    const asked = answer("/ops/runs/{id}", aPendingRun());
    const { user } = renderOps(<BackfillPanel />, { url: "/ops?identity=7" });
    await user.click(await button("Backfill identity"));
    await waitFor(() => expect(asked).toHaveLength(1));
    await vi.advanceTimersByTimeAsync(4_000);
    await waitFor(() => expect(asked).toHaveLength(2));
    const ended = answer("/ops/runs/{id}", aRun());
    await vi.advanceTimersByTimeAsync(4_000);
    expect(await screen.findAllByText("Done")).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(ended).toHaveLength(1);
  });

  test("says so when the run is unknown, and asks no more", async () => {
    answerFirst();
    answer("/ops/backfill/conversations", accepted(), { method: "post", status: 202 });
    refuse("/ops/runs/{id}", 404, "run_not_found", "There is no run with this id.");
    const { user } = renderOps(<BackfillPanel />, { url: "/ops?identity=7" });
    await user.click(await button("Backfill identity"));
    expect(await screen.findByText(/There is no run with this id/)).toBeInTheDocument();
    expect(screen.getByText("1 job queued.", { ignore: "[role=status] *" })).toBeInTheDocument();
  });

  test("shows the first of hundreds of jobs, and all on demand", async () => {
    const jobs = Array.from({ length: 200 }, (_, index) =>
      aJob({ id: index + 1, identity: { id: index + 1, display_name: `Identity <b>${index}</b>` } }),
    );
    const run = aRun({ jobs, job_count: 200, by_status: { done: 200 } });
    answerFirst({ runs: [run] });
    answer("/ops/runs/{id}", run);
    const { user } = renderOps(<BackfillPanel />);
    await user.click(await button("Show result of Backfill Quiet Harbor"));
    const list = await screen.findByRole("list", { name: "Jobs of Backfill Quiet Harbor" });
    expect(within(list).getAllByRole("listitem")).toHaveLength(10);
    expect(within(list).getByText("Identity <b>0</b>")).toBeInTheDocument();
    await user.click(await button("Show all 200 jobs"));
    expect(within(list).getAllByRole("listitem")).toHaveLength(200);
  });

  test("announces runs that others start instead of moving those that are shown", async () => {
    answerFirst({ runs: [aPendingRun()] });
    const { user, queryClient } = renderOps(<BackfillPanel />);
    await screen.findByRole("heading", { name: "Backfill Quiet Harbor" });
    answer("/ops/runs", ({ url }: { url: URL }) =>
      url.searchParams.get("operation") === "backfill.trigger"
        ? aPage(aPendingRun({ id: OTHER_ID, title: "Backfill Night Bus 42" }), aPendingRun())
        : aPage(),
    );
    await queryClient.invalidateQueries({ queryKey: ["ops", "runs"] });
    expect(screen.queryByRole("heading", { name: "Backfill Night Bus 42" })).toBeNull();
    await user.click(await button("Show 1 new run"));
    expect(screen.getByRole("heading", { name: "Backfill Night Bus 42" })).toBeInTheDocument();
  });

  test("shows the result by itself when a run ends that was under way before the page was loaded", async () => {
    answerFirst({ runs: [aPendingRun()] });
    const { queryClient } = renderOps(<BackfillPanel />);
    expect(await screen.findByText("Running")).toBeInTheDocument();
    answerFirst({ runs: [aRun()] });
    answer("/ops/runs/{id}", aRun());
    await queryClient.invalidateQueries({ queryKey: ["ops", "runs"] });
    expect(await screen.findByText("Done")).toBeInTheDocument();
    expect(screen.getByText("New messages").nextElementSibling).toHaveTextContent("1,525");
  });

  test("follows a run again whose failed job was retried", async () => {
    const failed = aRun({
      status: "failure",
      by_status: { failed: 1 },
      jobs: [aJob({ status: "failed", outcome: "failed" })],
    });
    answerFirst({ runs: [failed] });
    const before = answer("/ops/runs/{id}", failed);
    const { user, queryClient } = renderOps(<BackfillPanel />);
    await user.click(await button("Show result of Backfill Quiet Harbor"));
    await waitFor(() => expect(before).toHaveLength(1));
    answerFirst({ runs: [aPendingRun()] });
    answer("/ops/runs/{id}", aPendingRun());
    await queryClient.invalidateQueries({ queryKey: ["ops", "runs"] });
    expect(await screen.findAllByText("Running")).toHaveLength(2);
  });

  test("shows ten jobs of one run as the console told them: retrying, done, done with errors and failed", async () => {
    const run = { ...recorded<Run>("run_all_pending"), id: RUN_ID };
    answerFirst({ runs: [run] });
    answer("/ops/runs/{id}", run);
    const { user } = renderOps(<BackfillPanel />);
    await user.click(await button(`Show 10 jobs of ${run.title}`));
    const list = await screen.findByRole("list", { name: `Jobs of ${run.title}` });
    expect(within(list).getAllByText("Done")).toHaveLength(5);
    expect(within(list).getByText("Done with errors")).toBeInTheDocument();
    expect(within(list).getAllByText("Failed")).toHaveLength(2);
    expect(within(list).getAllByText("Retrying")).toHaveLength(2);
  });

  test("names what a redownload of attachments has done", async () => {
    const run = { ...recorded<Run>("run_attachments"), id: RUN_ID };
    answerFirst({ runs: [run] });
    answer("/ops/runs/{id}", run);
    const { user } = renderOps(<BackfillPanel />);
    await user.click(await button(`Show result of ${run.title}`));
    for (const [name, value] of [
      ["Downloaded", "1"],
      ["Skipped", "0"],
      ["Failed", "0"],
    ] as const)
      expect((await screen.findByText(name, { selector: "dt" })).nextElementSibling).toHaveTextContent(value);
  });

  test("names the conversations that a job covers", async () => {
    const run = { ...recorded<Run>("run_messages"), id: RUN_ID };
    answerFirst({ runs: [run] });
    answer("/ops/runs/{id}", run);
    const { user } = renderOps(<BackfillPanel />);
    await user.click(await button(`Show result of ${run.title}`));
    await user.click(await screen.findByText("Covers 3 conversations"));
    expect(screen.getByText("Conversation 4711")).toBeInTheDocument();
  });
});
