import { screen, within } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";

import type { Accepted, Health, Meta, Run, SyncStatus } from "../data/schema.generated";
import { SyncStatusDashboard } from "../SyncStatusPanel";
import { answer, recorded, refuse, renderOps } from "../testing";
import { meta, withIdentity } from "./fixtures";

beforeEach(() => {
  answer("/ops/meta", meta());
  answer("/ops/health", recorded<Health>("health"));
  answer("/ops/sync/status", withIdentity());
});

describe("the buttons of an identity", () => {
  it.each([
    ["Sync Moss & Timber", "/conversations/sync"],
    ["Backfill Moss & Timber", "/ops/backfill/conversations"],
  ])("%s starts it and shows what it started", async (name, path) => {
    const accepted = recorded<Accepted>("accepted");
    const asked = answer(path, accepted, { method: "post", status: 202 });
    answer("/ops/runs/{id}", recorded<Run>("run"));
    const { user } = renderOps(<SyncStatusDashboard />);
    await user.click(await screen.findByRole("button", { name }));
    const outcome = await screen.findByRole("region", { name: name.replace(" Moss", " of Moss") });
    expect(within(outcome).getByText(accepted.message)).toBeInTheDocument();
    expect(within(outcome).getByRole("link", { name: `#${accepted.jobs[0]}` })).toBeInTheDocument();
    expect(asked).toHaveLength(1);
    expect(
      asked[0]?.url.searchParams.get("identity_id") ??
        String((asked[0]?.body as { identity_id?: number }).identity_id),
    ).toBe("7");
    expect(asked[0]?.headers.get("Idempotency-Key")).toMatch(/^[!-~]{1,200}$/);
  });

  it("shows why the console refuses, with a link to the job in the way", async () => {
    refuse("/conversations/sync", 409, "blocked_by_foreign_job", "Job 19638 stands in the way.", {
      method: "post",
      more: { job_id: 19638, stuck: true },
    });
    const { user } = renderOps(<SyncStatusDashboard />);
    await user.click(await screen.findByRole("button", { name: "Sync Moss & Timber" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("Job 19638 stands in the way.");
    await user.click(screen.getByRole("link", { name: "Open job #19638" }));
    expect(window.location.search).toBe("?job=19638");
  });

  it("are not there for those who may only look", async () => {
    answer("/ops/meta", recorded<Meta>("meta_viewer"));
    renderOps(<SyncStatusDashboard />);
    await screen.findByRole("heading", { level: 3, name: "Moss & Timber" });
    expect(screen.queryByRole("button", { name: /Moss/ })).not.toBeInTheDocument();
  });

  it("say of an inactive identity why they do nothing", async () => {
    answer("/ops/sync/status", withIdentity({ is_active: false, schedule_is_own: false }));
    const asked = answer("/conversations/sync", recorded<Accepted>("accepted"), {
      method: "post",
      status: 202,
    });
    const { user } = renderOps(<SyncStatusDashboard />);
    const button = await screen.findByRole("button", { name: "Sync Moss & Timber" });
    expect(button).toHaveAttribute("aria-disabled", "true");
    expect(button).toHaveAccessibleDescription("This identity is inactive.");
    await user.click(button);
    expect(asked).toHaveLength(0);
  });

  it("say that schedules have no effect where beat doesn't read them", async () => {
    answer("/ops/meta", meta({}, false));
    renderOps(<SyncStatusDashboard />);
    expect(
      await screen.findByRole("button", { name: "Schedule of Moss & Timber" }),
    ).toHaveAccessibleDescription("Beat ignores schedules that are set here.");
  });
});

describe("the job of an identity", () => {
  const job: SyncStatus["active_job"] = {
    id: 20_152,
    job_type: "ingest.sync_delta",
    title: "Sync",
    status: "running",
    since: "2026-11-30T04:56:25.209933Z",
    progress: null,
    cancel_requested_at: null,
    waits_for: null,
    run_id: null,
  };

  it("opens from the row, with its progress and how many more wait", async () => {
    answer("/ops/sync/status", withIdentity({ active_job: job, waiting_jobs: 3 }));
    const { user } = renderOps(<SyncStatusDashboard />);
    await user.click(await screen.findByRole("link", { name: "Sync #20152" }));
    expect(window.location.search).toBe("?job=20152");
    expect(screen.getByText("3 more waiting")).toBeInTheDocument();
    expect(screen.getByText("Progress not known yet")).toBeInTheDocument();
  });

  it("that is being cancelled is not said to be running", async () => {
    answer(
      "/ops/sync/status",
      withIdentity({ active_job: { ...job, cancel_requested_at: "2026-11-30T04:57:00Z", waits_for: 5 } }),
    );
    renderOps(<SyncStatusDashboard />);
    expect(await screen.findByText("Cancelling")).toBeInTheDocument();
    expect(screen.getByText(/Waits for job/)).toHaveTextContent("Waits for job #5.");
  });
});
