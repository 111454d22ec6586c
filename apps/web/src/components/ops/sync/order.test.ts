import { describe, expect, it } from "vitest";

import type { SyncStatus } from "../data/schema.generated";
import { keepPlaces, layoutOf, newlyInNeed, recovered } from "./order";

type State = SyncStatus["health"]["state"];
type Status = SyncStatus["health"]["status"];

function identity(id: number, state: State, status: Status, active = true): SyncStatus {
  return {
    identity_id: id,
    is_active: active,
    health: { state, status, reasons: [] },
  } as unknown as SyncStatus;
}

describe("the order of identities", () => {
  it("puts those first that need somebody, and keeps the console's order among equals", () => {
    const layout = layoutOf([
      identity(1, "on_track", "ok"),
      identity(2, "inactive", "unknown", false),
      identity(3, "late", "warning"),
      identity(4, "unknown", "unknown"),
      identity(5, "on_track", "warning"),
      identity(6, "action_required", "critical"),
      identity(7, "pending", "unknown"),
      identity(8, "failing", "critical"),
      identity(9, "on_track", "ok"),
    ]);
    expect(layout.ids).toEqual([6, 8, 3, 5, 7, 4, 1, 9, 2]);
    expect([...layout.open].sort()).toEqual([3, 5, 6, 8]);
  });

  it("moves no row when an identity begins to fail or recovers", () => {
    const before = layoutOf([identity(1, "failing", "critical"), identity(2, "on_track", "ok")]);
    const later = [identity(1, "on_track", "ok"), identity(2, "late", "warning")];
    expect(keepPlaces(before, later)).toBe(before);
    expect(newlyInNeed(before, later)).toBe(1);
    expect(recovered(before, later)).toBe(1);
  });

  it("adds new identities at the end and drops those that are gone", () => {
    const before = layoutOf([identity(1, "on_track", "ok"), identity(2, "on_track", "ok")]);
    const after = keepPlaces(before, [identity(3, "failing", "critical"), identity(2, "on_track", "ok")]);
    expect(after.ids).toEqual([2, 3]);
    expect(after.open.has(3)).toBe(true);
  });

  it("treats a state that this page doesn't know as unknown", () => {
    const layout = layoutOf([identity(1, "on_track", "ok"), identity(2, "paused" as State, "unknown")]);
    expect(layout.ids).toEqual([2, 1]);
    expect(layout.open.size).toBe(0);
  });
});
