import { screen, waitFor, within } from "@testing-library/react";
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  accepted,
  aJob,
  anIdentity,
  answerFirst,
  aPage,
  aPendingRun,
  aRun,
  OTHER_ID,
  RUN_ID,
  VIEWER,
} from "./backfill/fixtures";
import { BackfillPanel } from "./BackfillControls";
import { answer, refuse, renderOps, unreachable } from "./testing";

afterEach(() => vi.useRealTimers());

const panel = () => screen.getByRole("region", { name: "Backfill" });
const button = (name: string | RegExp) => screen.findByRole("button", { name });

describe("The backfill panel", () => {
  test("says that it is loading", () => {
    answerFirst();
    renderOps(<BackfillPanel />);
    expect(within(panel()).getByText("Loading backfill")).toBeInTheDocument();
  });

  test("says that no backfill has run yet to somebody who may start none", async () => {
    answerFirst({ may: VIEWER });
    renderOps(<BackfillPanel />);
    expect(await screen.findByText("No backfill has run yet.")).toBeInTheDocument();
    expect(screen.queryByRole("button")).toBeNull();
  });

  test("says what went wrong, and recovers with Try again", async () => {
    answerFirst();
    unreachable("/ops/runs");
    const { user } = renderOps(<BackfillPanel />);
    expect(await screen.findByText(/can’t be reached/)).toBeInTheDocument();
    answerFirst({ runs: [aPendingRun()] });
    await user.click(await button("Try again"));
    expect(await screen.findByRole("heading", { name: "Backfill Quiet Harbor" })).toBeInTheDocument();
  });

  test("shows somebody who may not see runs the reason, and nothing to try again", async () => {
    answerFirst();
    refuse("/ops/runs", 403, "permission_denied", "You need the permission jobs.view_run.");
    renderOps(<BackfillPanel />);
    expect(await screen.findByText("You need the permission jobs.view_run.")).toBeInTheDocument();
    expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
  });

  test("shows a viewer what is under way, without buttons that start or cancel", async () => {
    answerFirst({ may: VIEWER, runs: [aPendingRun()] });
    renderOps(<BackfillPanel />);
    expect(await screen.findByText("Running")).toBeInTheDocument();
    expect(screen.getAllByRole("button")).toEqual([await button("Show 1 job of Backfill Quiet Harbor")]);
  });

  test("keeps the forms usable when the identities can’t be read", async () => {
    answerFirst();
    refuse("/ops/sync/status", 503, "database_unreachable", "The database doesn’t answer.");
    renderOps(<BackfillPanel />);
    expect(await screen.findByText(/The database doesn’t answer/)).toBeInTheDocument();
    expect(screen.getByRole("combobox", { name: "Search conversations" })).toBeInTheDocument();
  });
});

describe("Backfilling all identities", () => {
  test("asks once, with the consequence, before anything is started", async () => {
    answerFirst();
    const asked = answer("/ops/backfill/conversations", accepted(), { method: "post", status: 202 });
    answer("/ops/runs/{id}", aPendingRun());
    const { user } = renderOps(<BackfillPanel />);
    await user.click(await button("Backfill all identities"));
    const dialog = await screen.findByRole("alertdialog", { name: "Backfill all identities" });
    expect(dialog).toHaveTextContent("Queues a job for each of 2 active identities.");
    expect(asked).toHaveLength(0);
    await user.click(within(dialog).getByRole("button", { name: "Backfill all identities" }));
    expect(await within(panel()).findByText("1 job queued.")).toBeInTheDocument();
    expect(asked[0]?.body).toEqual({});
    expect(asked[0]?.headers.get("Idempotency-Key")).toMatch(/^[!-~]{1,200}$/);
  });

  test("starts nothing when the dialog is closed, and focus returns to the button", async () => {
    answerFirst();
    const asked = answer("/ops/backfill/conversations", accepted(), { method: "post", status: 202 });
    const { user } = renderOps(<BackfillPanel />);
    (await button("Backfill all identities")).focus();
    await user.keyboard("{Enter}");
    await screen.findByRole("alertdialog");
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("alertdialog")).toBeNull());
    expect(await button("Backfill all identities")).toHaveFocus();
    expect(asked).toHaveLength(0);
  });

  test("shows what was created by name, what was joined, and who was skipped and why", async () => {
    answerFirst();
    const left = {
      identity_id: 3,
      code: "credential_missing",
      reason: "Old Town Ledger has no credential.",
      job_id: null,
    };
    answer("/ops/backfill/conversations", accepted({ left_out: [left] }), { method: "post", status: 202 });
    const jobs = [
      aJob({ status: "running", outcome: null, result: null, progress: null }),
      aJob({
        id: 20150,
        status: "queued",
        joined: true,
        identity: { id: 7, display_name: "Night Bus 42" },
        progress: null,
      }),
    ];
    answer(
      "/ops/runs/{id}",
      aPendingRun({ jobs, job_count: 2, by_status: { running: 1, queued: 1 }, left_out: [left] }),
    );
    const { user } = renderOps(<BackfillPanel />);
    await user.click(await button("Backfill all identities"));
    const dialog = await screen.findByRole("alertdialog");
    await user.click(within(dialog).getByRole("button", { name: "Backfill all identities" }));
    const list = await screen.findByRole("list", { name: "Jobs of Backfill Quiet Harbor" });
    expect(within(list).getByText("Night Bus 42")).toBeInTheDocument();
    expect(within(list).getByText("Already active, joined")).toBeInTheDocument();
    expect(within(list).getByRole("link", { name: "Job 20150" })).toHaveAttribute("href", "?job=20150");
    expect(screen.getByText("1 identity skipped")).toBeInTheDocument();
    expect(screen.getByText("Old Town Ledger has no credential.")).toBeInTheDocument();
  });

  test("shows the reasons of everybody who was skipped when nobody is left", async () => {
    answerFirst();
    const left_out = [1, 7].map((id) => ({
      identity_id: id,
      code: "provider_switched_off",
      reason: `Identity ${id} can’t sync: its provider is switched off.`,
      job_id: null,
    }));
    refuse("/ops/backfill/conversations", 409, "no_identity_can_sync", "No active identity can sync.", {
      method: "post",
      more: { left_out },
    });
    const { user } = renderOps(<BackfillPanel />);
    await user.click(await button("Backfill all identities"));
    await user.click(
      within(await screen.findByRole("alertdialog")).getByRole("button", { name: "Backfill all identities" }),
    );
    const alert = await screen.findByText("No active identity can sync.", { ignore: "[role=status] *" });
    expect(alert.closest("[role=alert]")).toHaveTextContent(
      "Identity 7 can’t sync: its provider is switched off.",
    );
  });
});

describe("Backfilling one identity", () => {
  test("takes the identity from the address and asks nothing", async () => {
    answerFirst();
    const asked = answer("/ops/backfill/conversations", accepted(), { method: "post", status: 202 });
    answer("/ops/runs/{id}", aPendingRun());
    const { user } = renderOps(<BackfillPanel />, { url: "/ops?identity=7" });
    await user.click(await button("Backfill identity"));
    expect(await within(panel()).findByText("1 job queued.")).toBeInTheDocument();
    expect(asked.map((one) => one.body)).toEqual([{ identity_id: 7 }]);
  });

  test("shows the sentence and the job in the way of a conflict", async () => {
    answerFirst();
    refuse("/ops/backfill/conversations", 409, "blocked_by_foreign_job", "Job 42 does the same work.", {
      method: "post",
      more: { job_id: 42, stuck: true },
    });
    const { user } = renderOps(<BackfillPanel />, { url: "/ops?identity=7" });
    await user.click(await button("Backfill identity"));
    const alert = await screen.findByRole("alert");
    expect(alert).toHaveTextContent("Job 42 does the same work.");
    expect(within(alert).getByRole("link", { name: "Job 42" })).toHaveAttribute("href", "?identity=7&job=42");
  });

  test("says so when the identity has become inactive meanwhile, and reads the identities again", async () => {
    answerFirst();
    refuse("/ops/backfill/conversations", 404, "identity_not_found", "Identity 7 is unknown or inactive.", {
      method: "post",
    });
    const { user } = renderOps(<BackfillPanel />, { url: "/ops?identity=7" });
    const start = await button("Backfill identity");
    answerFirst({ identities: [anIdentity(1, "Quiet Harbor")] });
    await user.click(start);
    expect(await screen.findByRole("alert")).toHaveTextContent("Identity 7 is unknown or inactive.");
    expect(
      await screen.findByText("Identity 7 is gone or inactive. Choose another one."),
    ).toBeInTheDocument();
    await waitFor(() => expect(start).toHaveAttribute("aria-disabled", "true"));
    expect(start).toHaveAccessibleDescription("This identity is gone or inactive.");
  });
});

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
    renderOps(<BackfillPanel />);
    expect(await screen.findByText("Done with errors")).toBeInTheDocument();
    expect(screen.getByText("1,600")).toBeInTheDocument();
    expect(screen.getByText("Urls seen")).toBeInTheDocument();
    expect(screen.getByText("2 errors")).toBeInTheDocument();
    expect(screen.getByText("Image 5 is gone.")).toBeInTheDocument();
    expect(screen.queryByText("Done")).toBeNull();
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
    await user.click(await button("Show 200 jobs of Backfill Quiet Harbor"));
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
});
