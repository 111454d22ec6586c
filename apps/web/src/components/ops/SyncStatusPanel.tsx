"use client";

import { useId } from "react";

import { Label } from "@/components/ui/label";
import { Switch } from "@/components/ui/switch";
import { useUrlState } from "./data/urlState";
import { useSyncStatus } from "./data/useSyncStatus";
import { PanelFrame } from "./shared/PanelFrame";
import { ConsoleVerdict } from "./sync/ConsoleVerdict";
import { IdentityList } from "./sync/IdentityList";
import { OverallHealth } from "./sync/OverallHealth";

/** How the syncs of each identity are doing, and of all together. */
export function SyncStatusDashboard() {
  const [params, set] = useUrlState();
  const includeInactive = params.inactive === "1";
  const status = useSyncStatus({ includeInactive });
  const id = useId();
  return (
    <PanelFrame
      title="Sync status"
      query={status}
      isEmpty={(overview) => overview.identities.length === 0}
      empty={
        includeInactive
          ? "No identities yet. Connect an account in the application."
          : "No active identities. Connect an account, or include inactive identities."
      }
      actions={
        <span className="flex items-center gap-2 text-sm">
          <Switch
            id={id}
            checked={includeInactive}
            onCheckedChange={(checked) => set({ inactive: checked ? "1" : null })}
          />
          <Label htmlFor={id}>Include inactive identities</Label>
        </span>
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
