"use client";

import { useBackfillConversations } from "../data/useBackfill";
import { useMeta } from "../data/useMeta";
import { useSync } from "../data/useSync";
import type { SyncStatus } from "../data/schema.generated";
import { ActionButton } from "../shared/ActionButton";
import { Outcome } from "../shared/Outcome";

/** Sync, backfill and schedule of one identity, as far as the user may, and what came of the last click. */
export function IdentityActions({ identity, onSchedule }: { identity: SyncStatus; onSchedule: () => void }) {
  const may = useMeta().data?.may;
  const supports = useMeta().data?.supports;
  const sync = useSync();
  const backfill = useBackfillConversations();
  if (!may?.sync && !may?.backfill && !may?.schedule) return null;
  const inactive = identity.is_active ? undefined : "This identity is inactive.";
  const noSchedules = supports && !supports.schedules ? "Schedules that are set here have no effect." : undefined;
  const of = <span className="sr-only"> {identity.display_name}</span>;
  return (
    <>
      <div className="flex flex-wrap gap-2 md:justify-end">
        {may.sync && (
          <ActionButton
            size="sm"
            allowed={!inactive}
            reason={inactive}
            pending={sync.isPending}
            onClick={() => sync.mutate(String(identity.identity_id))}
          >
            Sync{of}
          </ActionButton>
        )}
        {may.backfill && (
          <ActionButton
            size="sm"
            variant="outline"
            allowed={!inactive}
            reason={inactive}
            pending={backfill.isPending}
            onClick={() => backfill.mutate(identity.identity_id)}
          >
            Backfill{of}
          </ActionButton>
        )}
        {may.schedule && (
          <ActionButton
            size="sm"
            variant="outline"
            allowed={!noSchedules && (identity.is_active || identity.schedule_is_own)}
            reason={noSchedules ?? inactive}
            onClick={onSchedule}
          >
            Schedule<span className="sr-only"> of {identity.display_name}</span>
          </ActionButton>
        )}
      </div>
      <div className="md:col-span-full">
        <Outcome action={sync} />
        <Outcome action={backfill} />
      </div>
    </>
  );
}
