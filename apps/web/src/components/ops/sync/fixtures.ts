import type { Meta, SyncOverview, SyncStatus } from "../data/schema.generated";
import { recorded } from "../testing";

export const overview = (name = "sync_status") => recorded<SyncOverview>(name);

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

const own = {
  identity_id: 7,
  id: 7,
  display_name: "Moss & Timber",
  is_active: true,
  schedule: "every 15 minutes",
  scheduled: "on",
  schedule_id: 8,
  schedule_is_own: true,
} as const;

/** One identity with a schedule of its own, changed. */
export const withIdentity = (change: Partial<SyncStatus> = {}) => withIdentities({ ...own, ...change });

/** What somebody may do who may do everything with identities, changed. */
export function meta(may: Partial<Meta["may"]> = {}, schedules = true): Meta {
  const found = recorded<Meta>("meta");
  return {
    ...found,
    may: { ...found.may, sync: true, backfill: true, schedule: true, ...may },
    supports: { ...found.supports, schedules },
  };
}
