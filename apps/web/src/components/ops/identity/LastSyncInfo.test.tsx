import { screen } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import { anIdentity, answerFirst } from "../testing/runs";
import { SyncPanel } from "../IdentitySyncPanel";
import { renderOps } from "../testing";

const fact = async (name: string) => (await screen.findByText(name, { selector: "dt" })).nextElementSibling;

describe("The last sync of an identity", () => {
  const show = (changes: Parameters<typeof anIdentity>[2] = {}) => {
    answerFirst({ identities: [anIdentity(7, "Night Bus 42", changes)] });
    return renderOps(<SyncPanel />, { url: "/ops?identity=7" });
  };

  test("shows the last sync with its source, messages, credential and schedule", async () => {
    show({
      last_sync_source: "job",
      schedule_is_own: true,
      schedule: "every 10 minutes",
      messages_count: 6130,
      new_messages_24h: 129,
    });
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
});
