import { screen, waitFor, within } from "@testing-library/react";
import { afterEach, describe, expect, test, vi } from "vitest";
import { accepted, aJob, answerFirst, aPage, aPendingRun, aRun, OTHER_ID, RUN_ID } from "../testing/runs";
import { BackfillPanel } from "../BackfillControls";
import type {} from "../data/schema.generated";
import { answer, refuse, renderOps } from "../testing";

afterEach(() => vi.useRealTimers());

const button = (name: string | RegExp) => screen.findByRole("button", { name });

async function showResult(title: string): Promise<ReturnType<typeof renderOps>> {
  const view = renderOps(<BackfillPanel />);
  await view.user.click(await button(`Show result of ${title}`));
  return view;
}

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
    const { user, queryClient } = renderOps(<BackfillPanel />);
    await user.click(await button("Cancel run: Backfill Quiet Harbor"));
    const dialog = await screen.findByRole("alertdialog", { name: "Cancel run" });
    answerFirst({ runs: [aPendingRun({ cancelling: 1 })] });
    await user.click(within(dialog).getByRole("button", { name: "Cancel run" }));
    expect(await screen.findByText("Cancelling")).toBeInTheDocument();
    expect(screen.queryByText("Cancelled")).toBeNull();
    expect(asked).toHaveLength(1);
    const cancel = await button("Cancel run: Backfill Quiet Harbor");
    expect(cancel).toHaveAccessibleDescription("The run is being cancelled.");
    expect(screen.getByText("1 job is cancelling.", { ignore: "[role=status] *" })).toBeInTheDocument();
    const cancelled = aPendingRun({ status: "failure", by_status: { cancelled: 1 } });
    answerFirst({ runs: [cancelled] });
    answer("/ops/runs/{id}", cancelled);
    await queryClient.invalidateQueries({ queryKey: ["ops", "runs"] });
    expect(await screen.findByText("Cancelled")).toBeInTheDocument();
    // Focus isn't lost with what it was on.
    expect(cancel).toHaveFocus();
    expect(cancel).toHaveAccessibleDescription("The run has ended.");
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

  test("follows a run again whose failed job was retried", async () => {
    const failed = aRun({
      status: "failure",
      by_status: { failed: 1 },
      jobs: [aJob({ status: "failed", outcome: "failed" })],
    });
    answerFirst({ runs: [failed] });
    const before = answer("/ops/runs/{id}", failed);
    const { queryClient } = await showResult("Backfill Quiet Harbor");
    await waitFor(() => expect(before).toHaveLength(1));
    answerFirst({ runs: [aPendingRun()] });
    answer("/ops/runs/{id}", aPendingRun());
    await queryClient.invalidateQueries({ queryKey: ["ops", "runs"] });
    expect(await screen.findAllByText("Running")).toHaveLength(2);
  });
});
