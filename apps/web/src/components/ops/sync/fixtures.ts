import type { SyncOverview, SyncStatus } from "../data/schema.generated";
import { recorded } from "./examples";

export const overview = () => recorded<SyncOverview>("sync-status");

/** The recorded answer with other identities: each is the first one, changed. */
export function withIdentities(...changes: Partial<SyncStatus>[]): SyncOverview {
  const identities = changes.map((change, index) => ({
    ...(overview().identities[0] as SyncStatus),
    identity_id: 100 + index,
    id: 100 + index,
    is_active: true,
    is_default: false,
    active_job: null,
    waiting_jobs: 0,
    last_error: null,
    failures: 0,
    ...change,
  }));
  return { ...overview(), identities };
}

export const onTrack: SyncStatus["health"] = { state: "on_track", status: "ok", reasons: [] };
export const late: SyncStatus["health"] = {
  state: "late",
  status: "warning",
  reasons: [{ code: "late", message: "No sync has succeeded for 25 minutes. Sync now." }],
};
