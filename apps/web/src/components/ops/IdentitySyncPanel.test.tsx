import { screen, waitFor, within } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import {
  accepted,
  aMeta,
  anIdentity,
  anOverview,
  answerFirst,
  aPendingRun,
  VIEWER,
} from "./backfill/fixtures";
import { SyncPanel } from "./IdentitySyncPanel";
import { answer, refuse, renderOps, unreachable } from "./testing";

const panel = () => screen.getByRole("region", { name: "Sync" });
const selector = () => screen.findByRole("combobox", { name: "Identity" });
const fact = async (name: string) => (await screen.findByText(name, { selector: "dt" })).nextElementSibling;
const buttons = () => within(panel()).queryAllByRole("button");

describe("The sync panel", () => {
  test("says that it is loading", () => {
    answerFirst();
    renderOps(<SyncPanel />);
    expect(within(panel()).getByText("Loading sync")).toBeInTheDocument();
  });

  test("says what would bring identities where none is active", async () => {
    answerFirst({ identities: [] });
    renderOps(<SyncPanel />);
    expect(
      await screen.findByText("No active identities. Connect an account in the application."),
    ).toBeInTheDocument();
    expect(buttons()).toEqual([]);
  });

  test("says what went wrong, and recovers with Try again", async () => {
    answerFirst();
    unreachable("/ops/sync/status");
    const { user } = renderOps(<SyncPanel />);
    const again = await screen.findByRole("button", { name: "Try again" });
    answerFirst();
    await user.click(again);
    expect(await selector()).toBeInTheDocument();
  });

  test("shows somebody who may not see identities the reason", async () => {
    answerFirst();
    refuse("/ops/sync/status", 403, "permission_denied", "You need the permission identities.view_identity.");
    renderOps(<SyncPanel />);
    expect(await screen.findByText("You need the permission identities.view_identity.")).toBeInTheDocument();
    expect(buttons()).toEqual([]);
  });

  test("shows a viewer everything but buttons", async () => {
    answerFirst({ may: VIEWER });
    renderOps(<SyncPanel />, { url: "/ops?identity=7" });
    expect(await fact("Schedule")).toHaveTextContent("every 2 minutes");
    expect(buttons()).toEqual([]);
  });

  test("finds one of 200 identities, with names in right-to-left script, with HTML, and of 128 characters", async () => {
    const names = ["مكتبة الحي القديم", "<b>bold</b>", "n".repeat(128)];
    const identities = Array.from({ length: 200 }, (_, index) =>
      anIdentity(index + 1, names[index] ?? `Identity ${index}`),
    );
    answerFirst({ identities });
    const { user } = renderOps(<SyncPanel />);
    const select = await selector();
    expect(within(select).getAllByRole("option")).toHaveLength(201);
    expect(within(select).getByRole("option", { name: "All identities (200)" })).toBeInTheDocument();
    await user.selectOptions(select, "2");
    expect(window.location.search).toBe("?identity=2");
    expect(within(panel()).getByText("<b>bold</b>").tagName).toBe("BDI");
    await user.selectOptions(select, "");
    expect(window.location.search).toBe("");
  });
});

describe("All identities together", () => {
  test("shows the newest sync, the next one, and what is active", async () => {
    answerFirst({
      identities: [
        anIdentity(1, "Quiet Harbor", {
          last_sync_at: "2026-11-30T04:50:00Z",
          next_sync_at: "2026-11-30T05:10:00Z",
        }),
        anIdentity(7, "Night Bus 42", {
          last_sync_at: "2026-11-30T04:55:00.5Z",
          next_sync_at: "2026-11-30T05:20:00Z",
        }),
        anIdentity(9, "Moss & Timber", {
          last_sync_at: null,
          next_sync_at: null,
          counts_as_of: null,
          messages_count: 0,
        }),
      ],
    });
    renderOps(<SyncPanel />);
    expect(await fact("Last sync")).toHaveTextContent("Night Bus 42");
    expect(await fact("Next sync")).toHaveTextContent("Quiet Harbor");
    expect(await fact("Active jobs")).toHaveTextContent("None");
    expect(await fact("Messages")).toHaveTextContent("First count in progress for 1");
  });

  test("shows what is unknown as unknown", async () => {
    answerFirst({
      identities: [
        anIdentity(1, "Quiet Harbor", { last_sync_at: null, last_sync_source: null, next_sync_at: null }),
      ],
    });
    renderOps(<SyncPanel />);
    expect(await fact("Last sync")).toHaveTextContent("Unknown");
    expect(await fact("Next sync")).toHaveTextContent("None expected");
  });

  test("syncs all without an identity in the request", async () => {
    answerFirst();
    const asked = answer("/conversations/sync", accepted(), { method: "post", status: 202 });
    answer("/ops/runs/{id}", aPendingRun({ title: "Sync Quiet Harbor" }));
    const { user } = renderOps(<SyncPanel />);
    await user.click(await screen.findByRole("button", { name: "Sync all identities" }));
    expect(await screen.findByRole("list", { name: "Jobs of Sync Quiet Harbor" })).toBeInTheDocument();
    expect(asked[0]?.url.searchParams.has("identity_id")).toBe(false);
    expect(asked[0]?.headers.get("Idempotency-Key")).not.toBeNull();
  });
});

describe("One identity", () => {
  const show = (changes: Parameters<typeof anIdentity>[2] = {}) => {
    answerFirst({ identities: [anIdentity(7, "Night Bus 42", changes)] });
    return renderOps(<SyncPanel />, { url: "/ops?identity=7" });
  };

  test("shows the last sync with its source, messages, credential and schedule", async () => {
    show({ last_sync_source: "job", schedule_is_own: true, schedule: "every 10 minutes" });
    expect(await fact("Last sync")).toHaveTextContent(/ago · from a job$/);
    expect(await fact("Messages")).toHaveTextContent("6,130 · 129 in the last 24 hours");
    expect(await fact("Credential")).toHaveTextContent(/Connected · oauth tokens/);
    expect(await fact("Credential")).toHaveTextContent(/Rotated .* ago/);
    expect(await fact("Schedule")).toHaveTextContent("Own schedule, every 10 minutes");
  });

  test.each([
    ["off", "None: schedule off", "Off"],
    ["paused", "None: schedules paused", "Paused with all schedules"],
    ["missing", "None: no schedule", "No schedule"],
    ["elsewhere", "Unknown: not scheduled here", "Not scheduled here"],
    ["broken", "None: schedule broken", "Broken"],
  ] as const)("says in words that its schedule is %s", async (scheduled, next, words) => {
    show({ scheduled, next_sync_at: null });
    expect(await fact("Next sync")).toHaveTextContent(next);
    expect(await fact("Schedule")).toHaveTextContent(words);
  });

  test("says that the credential is missing, with the cause and what to do", async () => {
    show({
      credential: { status: "missing", types: [], connected_at: null, rotated_at: null },
      health: {
        status: "critical",
        state: "action_required",
        reasons: [{ code: "credential_missing", message: "No credential. Connect the account." }],
      },
    });
    expect(await fact("Credential")).toHaveTextContent("Missing");
    expect(screen.getByText("Critical")).toBeInTheDocument();
    expect(screen.getByText("No credential. Connect the account.")).toBeInTheDocument();
  });

  test("doesn’t claim that it never synced where nothing is known", async () => {
    show({
      last_sync_at: null,
      last_sync_source: null,
      health: { status: "unknown", state: "unknown", reasons: [] },
    });
    expect(await fact("Last sync")).toHaveTextContent(/^Unknown$/);
  });

  test("says that it never synced where that is known", async () => {
    show({
      last_sync_at: null,
      last_sync_source: null,
      health: { status: "unknown", state: "pending", reasons: [] },
    });
    expect(await fact("Last sync")).toHaveTextContent(/^Never synced$/);
  });

  test("shows the active job with its progress, unknown or known", async () => {
    const job = {
      id: 20152,
      job_type: "ingest.sync_delta",
      title: "Sync",
      status: "running",
      since: "2026-11-30T04:55:00Z",
      progress: {
        current: 40,
        total: 160,
        percent: 25,
        unit: "messages",
        source: "reported" as const,
        updated_at: null,
      },
      cancel_requested_at: null,
      waits_for: null,
      run_id: null,
    };
    show({ active_job: job, waiting_jobs: 2 });
    expect(await screen.findByRole("progressbar")).toHaveAttribute(
      "aria-valuetext",
      "40 of 160 messages (25%)",
    );
    expect(screen.getByText("2 more waiting")).toBeInTheDocument();
  });

  test("folds an error of 5,000 characters", async () => {
    show({ failures: 3, last_error: `Provider said no.\n${"x".repeat(5000)}` });
    const line = await screen.findByText("Provider said no.");
    expect(line.closest("details")).not.toHaveAttribute("open");
  });

  test("syncs and backfills the chosen identity", async () => {
    const sync = answer("/conversations/sync", accepted(), { method: "post", status: 202 });
    const backfill = answer("/ops/backfill/conversations", accepted(), { method: "post", status: 202 });
    answer("/ops/runs/{id}", aPendingRun());
    const { user } = show();
    await user.click(await screen.findByRole("button", { name: "Sync identity" }));
    await waitFor(() => expect(sync).toHaveLength(1));
    expect(sync[0]?.url.searchParams.get("identity_id")).toBe("7");
    await user.click(screen.getByRole("button", { name: "Backfill history" }));
    await waitFor(() => expect(backfill).toHaveLength(1));
    expect(backfill[0]?.body).toEqual({ identity_id: 7 });
  });

  test("shows the sentence of a conflict with the job in the way", async () => {
    refuse("/conversations/sync", 409, "blocked_by_foreign_job", "Job 42 does the same work.", {
      method: "post",
      more: { job_id: 42, stuck: false },
    });
    const { user } = show();
    await user.click(await screen.findByRole("button", { name: "Sync identity" }));
    expect(
      within(await screen.findByRole("alert")).getByRole("link", { name: "Job 42" }),
    ).toBeInTheDocument();
  });

  test("keeps the choice, and says so, when the identity vanishes", async () => {
    const { queryClient } = show();
    await screen.findByRole("button", { name: "Sync identity" });
    answer("/ops/sync/status", anOverview([anIdentity(1, "Quiet Harbor")]));
    await queryClient.invalidateQueries({ queryKey: ["ops", "sync"] });
    expect(
      await screen.findByText("Identity 7 is gone or inactive. Choose another one."),
    ).toBeInTheDocument();
    const sync = screen.getByRole("button", { name: "Sync identity" });
    expect(sync).toHaveAttribute("aria-disabled", "true");
    expect(sync).toHaveAccessibleDescription("This identity is gone or inactive.");
  });

  test("explains why its schedule can’t be changed where beat reads none from here", async () => {
    const view = show();
    answer("/ops/meta", aMeta({}, { schedules: false }));
    await view.queryClient.invalidateQueries({ queryKey: ["ops", "meta"] });
    const change = await screen.findByRole("button", { name: "Change schedule" });
    await waitFor(() => expect(change).toHaveAttribute("aria-disabled", "true"));
  });

  test("opens the dialog of its schedule", async () => {
    const { user } = show();
    await user.click(await screen.findByRole("button", { name: "Change schedule" }));
    expect(await screen.findByRole("dialog", { name: /Sync schedule of Night Bus 42/ })).toBeInTheDocument();
  });
});
