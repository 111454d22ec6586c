import { act, screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import { keys } from "./data/keys";
import { aJob, answerPanel, aPage, aRunningJob, NO } from "./jobs/fixtures";
import { JobsPanel } from "./JobsTable";
import { answer, refuse, renderOps, unreachable } from "./testing";

const rows = () => screen.getAllByRole("row").slice(1);
const row = (id: number) =>
  screen.getByRole("link", { name: new RegExp(`job ${id}$`) }).closest("tr") as HTMLElement;

describe("the list of jobs", () => {
  it("says that it loads until the answer comes", async () => {
    answerPanel([]);
    answer("/ops/jobs", aPage([]), { until: new Promise(() => {}) });
    renderOps(<JobsPanel />);
    expect(await screen.findByText("Loading jobs")).toBeInTheDocument();
  });

  it("shows of each job what it is, whom it concerns, its attempts and the start of its error", async () => {
    answerPanel([
      aJob({ id: 7, attempts: 3, max_attempts: 10, last_error: "401 Unauthorized\nat fetch_page" }),
    ]);
    renderOps(<JobsPanel />);
    const cells = await screen.findAllByRole("cell");
    expect(cells[0]).toHaveTextContent("Failed");
    expect(within(row(7)).getByText("Kestrel over Fen")).toBeInTheDocument();
    expect(cells[2]).toHaveTextContent("3/10");
    expect(within(row(7)).getByText("401 Unauthorized")).toBeVisible();
    expect(within(row(7)).getByRole("region", { hidden: true })).not.toBeVisible();
  });

  it("shows the whole error on demand", async () => {
    answerPanel([aJob({ id: 7, last_error: "401 Unauthorized\nat fetch_page" })]);
    const { user } = renderOps(<JobsPanel />);
    await user.click(await screen.findByText("401 Unauthorized"));
    expect(screen.getByRole("region", { name: "Full text of error of job 7" })).toHaveTextContent(
      "at fetch_page",
    );
  });

  it("says of a stuck job why, and of a waiting one what for", async () => {
    answerPanel([
      aRunningJob({ id: 9, stuck: true, stuck_reason: "Past its lease. Mark it as failed." }),
      aJob({ id: 8, status: "queued", waits_for: 9, handed_over: "waiting", can: NO }),
      aRunningJob({ id: 7, cancel_requested_at: "2026-11-30T04:56:00Z" }),
    ]);
    renderOps(<JobsPanel />);
    await screen.findByText("Past its lease. Mark it as failed.");
    expect(within(row(9)).getByText("Stuck")).toBeInTheDocument();
    expect(within(row(8)).getByText(/Waits for/)).toHaveTextContent("Waits for job #9");
    expect(within(row(7)).getByText("Cancelling")).toBeInTheDocument();
  });

  it("counts down to the next attempt", async () => {
    const soon = new Date(Date.now() + 90_000).toISOString();
    answerPanel([aJob({ status: "retrying", attempts: 1, max_attempts: 3, next_run_at: soon, can: NO })]);
    renderOps(<JobsPanel />);
    expect(await screen.findByText(/^Attempt 2 of 3/)).toHaveTextContent(/in 1 min/);
  });

  it("shows progress that isn't known as such, and a share where there is one", async () => {
    const progress = {
      current: 30,
      total: 120,
      percent: 25,
      unit: "messages",
      source: "reported",
      updated_at: null,
    } as const;
    answerPanel([aRunningJob({ id: 8, progress }), aRunningJob({ id: 7, progress: null })]);
    renderOps(<JobsPanel />);
    expect(await screen.findByRole("progressbar", { name: "Progress of job 8" })).toHaveAttribute(
      "value",
      "30",
    );
    expect(within(row(7)).getByText("Progress not known yet")).toBeInTheDocument();
  });

  it("links a job to its conversation in the inbox", async () => {
    answerPanel([aJob({ payload: { conversation_id: 31 } })]);
    renderOps(<JobsPanel />);
    expect(await screen.findByRole("link", { name: "Conversation 31" })).toHaveAttribute("href", "/inbox/31");
  });

  it("puts the number of failed jobs into the title, whatever the filter", async () => {
    document.title = "Ops";
    answerPanel([aJob()], { counts: { failed: 7 } });
    const { unmount } = renderOps(<JobsPanel />, { url: "/ops?type=media.transcode" });
    await waitFor(() => expect(document.title).toBe("(7) Ops"));
    unmount();
    expect(document.title).toBe("Ops");
  });
});

describe("nothing to list", () => {
  it("says what would make jobs appear", async () => {
    answerPanel([]);
    renderOps(<JobsPanel />);
    expect(await screen.findByText(/No jobs yet/)).toBeInTheDocument();
    expect(screen.queryByRole("link", { name: "Clear filters" })).not.toBeInTheDocument();
  });

  it("offers to clear the filters where there are some", async () => {
    answerPanel([]);
    const { user } = renderOps(<JobsPanel />, { url: "/ops?status=failed&type=no.such&identity=3" });
    await screen.findByText(/No results/);
    await user.click(screen.getAllByRole("link", { name: "Clear filters" })[0] as HTMLElement);
    expect(window.location.search).toBe("");
  });

  it("leads back from a page beyond the end", async () => {
    answerPanel([]);
    const { user } = renderOps(<JobsPanel />, { url: "/ops?page=9" });
    expect(await screen.findByText(/Page 9 is empty/)).toBeInTheDocument();
    await user.click(screen.getByRole("link", { name: "First page" }));
    expect(window.location.search).toBe("");
  });
});

describe("what goes wrong", () => {
  it("is a sentence, and another try", async () => {
    answerPanel([aJob()]);
    unreachable("/ops/jobs");
    const { user } = renderOps(<JobsPanel />);
    expect(await screen.findByText(/can’t be reached/)).toBeInTheDocument();
    answerPanel([aJob({ id: 7 })]);
    await user.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByText("#7")).toBeInTheDocument();
  });

  it("leaves the filters where one of them can't be, so that they can be cleared", async () => {
    answerPanel([]);
    refuse("/ops/jobs", 400, "invalid", "status: “lost” is none of queued, running, retrying, failed.");
    renderOps(<JobsPanel />, { url: "/ops?status=lost" });
    expect(await screen.findByText(/“lost” is none of/)).toBeInTheDocument();
    expect(screen.getByRole("link", { name: "Clear filters" })).toBeInTheDocument();
  });

  it("keeps the rows while the console is away, and says so", async () => {
    answerPanel([aJob({ id: 7 })]);
    const { queryClient } = renderOps(<JobsPanel />);
    await screen.findByText("#7");
    refuse("/ops/jobs", 503, "unavailable", "The database does not answer.");
    await act(() => queryClient.refetchQueries({ queryKey: keys.allJobs() }));
    expect(await screen.findByText(/Not up to date. The database does not answer./)).toBeInTheDocument();
    expect(screen.getByText("#7")).toBeInTheDocument();
  });

  it("shows nothing to somebody who may not look", async () => {
    answerPanel([]);
    refuse("/ops/jobs", 403, "forbidden", "You need the permission “View jobs”.");
    refuse("/ops/jobs/counts", 403, "forbidden", "You need the permission “View jobs”.");
    renderOps(<JobsPanel />);
    expect(await screen.findByText(/permission “View jobs”/)).toBeInTheDocument();
    expect(screen.queryByRole("navigation")).not.toBeInTheDocument();
  });
});

describe("huge and odd answers", () => {
  it("are shown as text, each row once", async () => {
    const error = `<img src=x onerror=alert(1)>\n${"e".repeat(4_900)}`;
    const name = `${"ש".repeat(100)}<b>bold</b>${"x".repeat(17)}`;
    const jobs = Array.from({ length: 50 }, (_, index) =>
      aJob({
        id: 9_007_199_254_740_000 - index,
        job_type: "t".repeat(64),
        last_error: error,
        last_error_cut: true,
        identity: { id: 7, display_name: name },
        payload: { conversation_id: "<script>" },
        created_at: null,
        created_at_text: "infinity",
      }),
    );
    answerPanel(jobs, {
      page: { total: 10_000, total_is: "capped", next: "http://console/ops/jobs?cursor=x" },
    });
    const { container } = renderOps(<JobsPanel />);
    expect(await screen.findByText("Jobs 1–50 of 10,000 or more")).toBeInTheDocument();
    expect(rows()).toHaveLength(50);
    expect(container.querySelector("img, script, b")).toBeNull();
    expect(within(rows()[0] as HTMLElement).getByText(name).tagName).toBe("BDI");
    expect(within(rows()[0] as HTMLElement).getByText("infinity")).toBeInTheDocument();
  });
});
