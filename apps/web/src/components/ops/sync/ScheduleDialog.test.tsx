import { screen, waitFor } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";

import type { Health, SyncStatus } from "../data/schema.generated";
import { SyncStatusDashboard } from "../SyncStatusPanel";
import { answer, recorded, refuse, renderOps } from "../testing";
import { meta, withIdentity } from "./fixtures";

beforeEach(() => {
  answer("/ops/meta", meta());
  answer("/ops/health", recorded<Health>("health"));
  answer("/ops/sync/status", withIdentity());
});

describe("the schedule dialog", () => {
  const changed = (change: Partial<SyncStatus> = {}) => ({
    ...(withIdentity(change).identities[0] as SyncStatus),
    message: "Moss & Timber syncs every 20 minutes.",
  });

  async function open() {
    const { user } = renderOps(<SyncStatusDashboard />);
    await user.click(await screen.findByRole("button", { name: "Schedule of Moss & Timber" }));
    await screen.findByRole("dialog", { name: "Sync schedule of Moss & Timber" });
    return user;
  }

  it("saves another interval and says what holds now", async () => {
    const asked = answer("/ops/identities/{id}/schedule", changed(), { method: "put" });
    const user = await open();
    const field = screen.getByRole("spinbutton", { name: "Sync every (minutes)" });
    expect(field).toHaveValue(15);
    await user.clear(field);
    await user.type(field, "20");
    await user.click(screen.getByRole("button", { name: "Save schedule" }));
    await waitFor(() => expect(screen.queryByRole("dialog")).not.toBeInTheDocument());
    expect(asked[0]?.url.pathname).toMatch(/\/identities\/7\/schedule$/);
    expect(asked[0]?.body).toEqual({ every_minutes: 20, enabled: true });
    expect(screen.getByTestId("announcer")).toHaveTextContent("Moss & Timber syncs every 20 minutes.");
    await waitFor(() =>
      expect(screen.getByRole("button", { name: "Schedule of Moss & Timber" })).toHaveFocus(),
    );
  });

  it("refuses an interval that can't be, without asking", async () => {
    const user = await open();
    const field = screen.getByRole("spinbutton");
    await user.clear(field);
    await user.click(screen.getByRole("button", { name: "Save schedule" }));
    expect(field).toBeInvalid();
    expect(field).toHaveAccessibleDescription(/whole number from 1 to 10,080/);
  });

  it("stays open with the console's sentence when it refuses", async () => {
    refuse(
      "/ops/identities/{id}/schedule",
      409,
      "several_schedules",
      "Several periodic tasks name Moss & Timber.",
      {
        method: "put",
      },
    );
    const user = await open();
    await user.click(screen.getByRole("button", { name: "Turn off schedule" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("Several periodic tasks name Moss & Timber.");
    expect(screen.getByRole("dialog")).toBeInTheDocument();
  });

  it("gives the default schedule back", async () => {
    const asked = answer("/ops/identities/{id}/schedule", changed({ schedule_is_own: false }), {
      method: "delete",
    });
    const user = await open();
    await user.click(screen.getByRole("button", { name: "Use default schedule" }));
    await waitFor(() => expect(asked).toHaveLength(1));
    await waitFor(() => expect(screen.queryByRole("dialog")).not.toBeInTheDocument());
  });

  it("turns an own schedule on that is off", async () => {
    answer("/ops/sync/status", withIdentity({ scheduled: "off", next_sync_at: null }));
    const asked = answer("/ops/identities/{id}/schedule", changed(), { method: "put" });
    const user = await open();
    expect(screen.queryByRole("button", { name: "Turn off schedule" })).not.toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "Turn on schedule" }));
    await waitFor(() => expect(asked[0]?.body).toEqual({ enabled: true }));
  });
});
