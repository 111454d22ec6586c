import { screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import type { Job, JobDetails, Run } from "../data/schema.generated";
import { JobsPanel } from "../JobsTable";
import { answer, refuse, renderOps } from "../testing";
import { aJob, answerPanel, aRunningJob, detailsOf, NO, recorded, someDetails } from "./fixtures";

const ONE = "/ops/jobs/{id}";

const sheet = async () => within(await screen.findByRole("dialog"));

/** The page with a job's sheet open, and the rows behind it. */
async function open(details: JobDetails, rows: Job[] = [aJob({ id: details.id })]) {
  answerPanel(rows);
  answer(ONE, details);
  answer("/ops/jobs/counts", recorded("counts"));
  const result = renderOps(<JobsPanel />, { url: `/ops?job=${details.id}` });
  return { ...result, sheet: await sheet() };
}

describe("a job's sheet", () => {
  it("says that it loads", async () => {
    answerPanel([aJob({ id: 7 })]);
    answer(ONE, someDetails(), { until: new Promise(() => {}) });
    answer("/ops/jobs/counts", recorded("counts"));
    renderOps(<JobsPanel />, { url: "/ops?job=7" });
    expect(await (await sheet()).findByText("Loading job")).toBeInTheDocument();
  });

  it("shows what the job is, whom it concerns, who requested it, and what is known about its type", async () => {
    const { sheet } = await open(someDetails({ id: 7, requested_by: "alice" }));
    expect(await sheet.findByRole("heading", { name: "Sync #7" })).toBeInTheDocument();
    expect(sheet.getByText("Kestrel over Fen")).toBeInTheDocument();
    expect(sheet.getByText("alice")).toBeInTheDocument();
    expect(sheet.getByText("Can safely run more than once.")).toBeInTheDocument();
    expect(sheet.getByRole("button", { name: "Retry job 7" })).toBeInTheDocument();
  });

  it("shows each attempt: when, where, how long, and what came of it", async () => {
    const [attempt] = someDetails().attempts_history;
    const attempts_history = [
      {
        ...attempt!,
        id: 1,
        outcome: "failed",
        worker: "core@a",
        wait_ms: 1500,
        run_ms: 61_000,
        error: "Too slow",
      },
      { ...attempt!, id: 2, outcome: null, started_at: "2026-11-30T04:56:00Z", ended_at: null, error: null },
      { ...attempt!, id: 3, outcome: "partial", error: null, publications: 2 },
    ];
    const { sheet } = await open(someDetails({ id: 7, attempts_history }));
    await sheet.findByText("Attempt 3");
    const items = sheet.getAllByRole("listitem").filter((item) => /^Attempt/.test(item.textContent ?? ""));
    expect(items.map((item) => item.textContent?.slice(0, 9))).toEqual([
      "Attempt 3",
      "Attempt 2",
      "Attempt 1",
    ]);
    expect(items[0]).toHaveTextContent("Done with errors");
    expect(items[1]).toHaveTextContent("Running");
    expect(items[2]).toHaveTextContent(/Worker core@a/);
    expect(items[2]).toHaveTextContent(/Waited1 s.*Ran1 min 1 s/);
    expect(items[2]).toHaveTextContent("Too slow");
  });

  it("shows the error with its traceback folded, and copies both", async () => {
    const { sheet, user } = await open(
      someDetails({ id: 7, last_error: "<b>401</b>", traceback: "Traceback: line 1" }),
    );
    const error = await sheet.findByLabelText("Error");
    expect(error).toHaveTextContent("<b>401</b>");
    expect(sheet.getByText("Traceback: line 1")).not.toBeVisible();
    await user.click(sheet.getByRole("button", { name: "Copy error" }));
    expect(await navigator.clipboard.readText()).toBe("<b>401</b>");
    await user.click(sheet.getByText("Traceback"));
    await user.click(sheet.getByRole("button", { name: "Copy traceback" }));
    expect(await navigator.clipboard.readText()).toBe("Traceback: line 1");
  });

  it("copies the id and the link", async () => {
    const { sheet, user } = await open(someDetails({ id: 7 }));
    await user.click(await sheet.findByRole("button", { name: "Copy id" }));
    expect(await navigator.clipboard.readText()).toBe("7");
    await user.click(sheet.getByRole("button", { name: "Copy link" }));
    expect(await navigator.clipboard.readText()).toBe("http://localhost:3000/ops?job=7");
  });

  it("shows the payload as it may be seen, and says where it was cut", async () => {
    const payload = { identity_id: 7, text: "[redacted]" };
    const { sheet } = await open(someDetails({ id: 7, payload, payload_cut: true, payload_size: 300_000 }));
    expect(await sheet.findByRole("region", { name: "Payload" })).toHaveTextContent('"text": "[redacted]"');
    expect(sheet.getByText(/Too long to show: 293 KiB/)).toBeInTheDocument();
  });

  it("shows the run on demand, with the other jobs of it", async () => {
    const { sheet, user } = await open(someDetails({ id: 7 }));
    const asked = answer("/ops/runs/{id}", recorded<Run>("run"));
    const run = await sheet.findByText(/^Run/, { selector: "summary" });
    expect(asked).toHaveLength(0);
    await user.click(run);
    expect(await sheet.findByText("Backfill Quiet Harbor")).toBeInTheDocument();
    expect(sheet.getByRole("link", { name: "#20147" })).toHaveAttribute("href", "?job=20147");
  });

  it("opens from a row with its run unfolded", async () => {
    const job = aJob({ id: 7 });
    answerPanel([job]);
    answer("/ops/runs/{id}", recorded<Run>("run"));
    const { user } = renderOps(<JobsPanel />);
    await user.click(await screen.findByRole("link", { name: /^Run 712a2e8b/ }));
    expect(await (await sheet()).findByText("Backfill Quiet Harbor")).toBeVisible();
  });

  it("says why nothing can be done", async () => {
    const can = { ...NO, reason: "Its message was deleted." };
    const { sheet } = await open(someDetails({ id: 7, can }));
    expect((await sheet.findAllByText("Its message was deleted."))[0]).toBeInTheDocument();
  });

  it("says that there is no such job, without another try", async () => {
    answerPanel([aJob({ id: 7 })]);
    refuse(ONE, 404, "job_not_found", "There is no job 99.");
    answer("/ops/jobs/counts", recorded("counts"));
    renderOps(<JobsPanel />, { url: "/ops?job=99" });
    const asking = await sheet();
    expect(await asking.findByText("There is no job 99.")).toBeInTheDocument();
    expect(asking.queryByRole("button", { name: "Try again" })).not.toBeInTheDocument();
  });

  it("tries again where the console didn't answer", async () => {
    answerPanel([aJob({ id: 7 })]);
    refuse(ONE, 503, "unavailable", "The database does not answer.");
    answer("/ops/jobs/counts", recorded("counts"));
    const { user } = renderOps(<JobsPanel />, { url: "/ops?job=7" });
    const asking = await sheet();
    await asking.findByText("The database does not answer.");
    answer(ONE, someDetails({ id: 7 }));
    answer("/ops/jobs/counts", recorded("counts"));
    await user.click(asking.getByRole("button", { name: "Try again" }));
    expect(await asking.findByRole("heading", { name: "Sync #7" })).toBeInTheDocument();
  });

  it("opens from its row, walks with J and K, and gives the focus to the row of the last job", async () => {
    const rows = [aJob({ id: 9 }), aJob({ id: 8 }), aRunningJob({ id: 7 })];
    answerPanel(rows);
    const { user } = renderOps(<JobsPanel />);
    await user.click(await screen.findByRole("link", { name: /job 9$/ }));
    expect(window.location.search).toBe("?job=9");
    await (await sheet()).findByRole("heading", { name: "Sync #9" });
    await user.keyboard("j");
    expect(window.location.search).toBe("?job=8");
    await user.keyboard("jj");
    expect(window.location.search).toBe("?job=7");
    expect(await screen.findByText("Last job on this page")).toBeInTheDocument();
    await user.keyboard("k");
    expect(window.location.search).toBe("?job=8");
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("dialog")).not.toBeInTheDocument());
    expect(window.location.search).toBe("");
    await waitFor(() => expect(screen.getByRole("link", { name: /job 8$/ })).toHaveFocus());
  });

  it("retries the job, and says so", async () => {
    const job = aJob({ id: 7 });
    const { sheet, user } = await open(detailsOf(job), [job]);
    answer("/ops/jobs/{id}/retry", { ...recorded<object>("retried"), id: 7 }, { method: "post" });
    answer(ONE, detailsOf({ ...job, status: "queued", can: NO }));
    answer("/ops/jobs/counts", recorded("counts"));
    await user.click(await sheet.findByRole("button", { name: "Retry job 7" }));
    expect(await sheet.findByText("Queued again.")).toBeInTheDocument();
    expect(await sheet.findByText("Queued")).toBeInTheDocument();
  });

  it("shows an error of 200,000 characters and names in any script as text", async () => {
    const name = "‮" + "م".repeat(126) + "<i>";
    const { sheet } = await open(
      someDetails({
        id: 7,
        last_error: "e".repeat(200_000),
        error_is_cut: true,
        identity: { id: 1, display_name: name },
      }),
    );
    expect((await sheet.findByText(name)).tagName).toBe("BDI");
    expect(sheet.getByText(/first 200,000 characters/)).toBeInTheDocument();
  });
});
