"use client";

import { useState } from "react";

import { RunCard } from "./backfill/RunCard";
import type { Accepted } from "./data/schema.generated";
import { useSyncStatus } from "./data/useSyncStatus";
import { AllIdentitiesInfo } from "./identity/AllIdentitiesInfo";
import { IdentitySelector } from "./identity/IdentitySelector";
import { LastSyncInfo } from "./identity/LastSyncInfo";
import { SyncButton } from "./identity/SyncButton";
import { useChosenIdentity } from "./identity/useChosenIdentity";
import { PanelFrame } from "./shared/PanelFrame";

const KEPT = 3;

/** Syncs of a chosen identity, or of all: start one, and see when the last one ended and how. */
export function SyncPanel() {
  const status = useSyncStatus();
  const chosen = useChosenIdentity(status.data?.identities);
  const [started, setStarted] = useState<Accepted[]>([]);

  function onStarted(accepted: Accepted): void {
    setStarted((before) =>
      [accepted, ...before.filter((one) => one.job_id !== accepted.job_id)].slice(0, KEPT),
    );
  }

  return (
    <PanelFrame
      title="Sync"
      query={status}
      isEmpty={({ identities }) => identities.length === 0 && chosen.id === null}
      empty="No active identities. Connect an account in the application."
    >
      {(overview) => (
        <div className="space-y-4">
          <div className="flex flex-wrap items-end gap-3">
            <IdentitySelector identities={overview.identities} chosen={chosen} />
            <SyncButton chosen={chosen} active={overview.identities.length} onStarted={onStarted} />
          </div>
          {started.length > 0 && (
            <ul aria-label="Started here" className="space-y-2">
              {started.map((accepted) => (
                <RunCard key={accepted.job_id} id={accepted.job_id} message={accepted.message} startsOpen />
              ))}
            </ul>
          )}
          {chosen.identity !== null && <LastSyncInfo identity={chosen.identity} />}
          {chosen.id === null && <AllIdentitiesInfo overview={overview} />}
        </div>
      )}
    </PanelFrame>
  );
}
