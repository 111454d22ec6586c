/** Replaced by the whole panel. */
export function SyncStatusDashboard() {
  return null;
}
