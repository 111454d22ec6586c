"use client";

import { useUrlState } from "./data/urlState";
import { useSyncStatus } from "./data/useSyncStatus";
import { PanelFrame } from "./shared/PanelFrame";
import { ConsoleVerdict } from "./sync/ConsoleVerdict";
import { IdentityList } from "./sync/IdentityList";
import { OverallHealth } from "./sync/OverallHealth";
import { useAsked } from "./sync/useAsked";

/** How the syncs of each identity are doing, and of all together. */
export function SyncStatusDashboard() {
  const [params, set] = useUrlState();
  const includeInactive = params.inactive;
  const [checked, setChecked] = useAsked(includeInactive);
  const status = useSyncStatus({ includeInactive });
  return (
    <PanelFrame
      title="Sync status"
      id="sync-status"
      query={status}
      isEmpty={(overview) => overview.identities.length === 0}
      empty={
        includeInactive
          ? "No identities yet. Connect an account in the application."
          : "No active identities. Connect an account, or include inactive identities."
      }
      actions={
        <label className="flex items-center gap-2 text-sm">
          <input
            type="checkbox"
            role="switch"
            className="size-4 accent-primary"
            checked={checked}
            onChange={(event) => {
              setChecked(event.target.checked);
              set({ inactive: event.target.checked ? 1 : null });
            }}
          />
          Include inactive identities
        </label>
      }
    >
      {(overview) => (
        <>
          <div className="grid gap-4 md:grid-cols-2">
            <OverallHealth overview={overview} />
            <ConsoleVerdict />
          </div>
          <IdentityList identities={overview.identities} />
        </>
      )}
    </PanelFrame>
  );
}
