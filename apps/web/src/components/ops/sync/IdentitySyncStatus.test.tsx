import { screen, within } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";

import type { Health, Meta, SyncStatus } from "../data/schema.generated";
import { SyncStatusDashboard } from "../SyncStatusPanel";
import { answer, recorded, renderOps } from "../testing";
import { withIdentities } from "./fixtures";

const row = (name: string) =>
  within(screen.getByRole("heading", { level: 3, name }).closest("li") as HTMLElement);

beforeEach(() => {
  answer("/ops/meta", recorded<Meta>("meta"));
  answer("/ops/health", recorded<Health>("health"));
});

describe("odd values of an identity", () => {
  it("never calls an identity late that never synced", async () => {
    const never: SyncStatus["health"] = {
      state: "pending",
      status: "unknown",
      reasons: [{ code: "never_synced", message: "It has never synced. Sync it now." }],
    };
    answer(
      "/ops/sync/status",
      withIdentities({
        display_name: "New",
        health: never,
        last_sync_at: null,
        last_sync_source: null,
        last_sync_status: null,
        last_success_at: null,
        last_attempt_at: null,
        next_sync_at: null,
        scheduled: "elsewhere",
        schedule: null,
        schedule_id: null,
        counts_as_of: null,
        messages_count: 0,
      }),
    );
    renderOps(<SyncStatusDashboard />);
    await screen.findByRole("list", { name: "Identities" });
    const shown = row("New");
    expect(shown.getByText("Pending")).toBeInTheDocument();
    expect(shown.queryByText(/late/i)).not.toBeInTheDocument();
    expect(shown.getByText("Unknown: not scheduled here")).toBeInTheDocument();
    expect(shown.getByText("Counting")).toBeInTheDocument();
    expect(shown.queryByText(/\+0 in 24 h/)).not.toBeInTheDocument();
  });

  it("says from what the last sync is known", async () => {
    answer(
      "/ops/sync/status",
      withIdentities({ display_name: "Read", last_sync_source: "message", messages_count: 40_954 }),
    );
    renderOps(<SyncStatusDashboard />);
    await screen.findByRole("list", { name: "Identities" });
    expect(row("Read").getByText("from the newest message")).toBeInTheDocument();
    expect(row("Read").getByText("40,954")).toBeInTheDocument();
  });

  it.each([
    ["right-to-left script", "חנות הספרים של אבנר"],
    ["HTML", "<img src=x onerror=alert(1)> & Co"],
    ["128 characters", "W".repeat(128)],
  ])("shows a name with %s as it is", async (_, name) => {
    answer("/ops/sync/status", withIdentities({ display_name: name }));
    const { container } = renderOps(<SyncStatusDashboard />);
    expect(await screen.findByRole("heading", { level: 3, name })).toHaveAttribute("dir", "auto");
    expect(container.querySelector("img")).toBeNull();
  });
});
