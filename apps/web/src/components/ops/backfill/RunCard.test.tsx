import { screen, within } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import { aJob, answerFirst, aPendingRun, aRun, RUN_ID } from "../testing/runs";
import { BackfillPanel } from "../BackfillControls";
import type { Run } from "../data/schema.generated";
import { answer, recorded, renderOps } from "../testing";

const button = (name: string | RegExp) => screen.findByRole("button", { name });

async function showResult(title: string): Promise<ReturnType<typeof renderOps>> {
  const view = renderOps(<BackfillPanel />);
  await view.user.click(await button(`Show result of ${title}`));
  return view;
}

describe("What a run brought and how its jobs stand", () => {
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
    await showResult(run.title);
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
    const { user } = await showResult(run.title);
    await user.click(await screen.findByText("Covers 3 conversations"));
    expect(screen.getByText("Conversation 4711")).toBeInTheDocument();
  });
});
