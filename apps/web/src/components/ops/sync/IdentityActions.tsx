"use client";

import { useBackfillConversations } from "../data/useBackfill";
import type { Meta, SyncStatus } from "../data/schema.generated";
import { useSync } from "../data/useSync";
import { ActionButton } from "../shared/ActionButton";
import { ActionResult } from "./ActionResult";

interface Props {
  identity: SyncStatus;
  meta: Meta | undefined;
  onSchedule: () => void;
}

/** Sync, backfill and schedule of one identity, as far as the user may, and what came of the last click. */
export function IdentityActions({ identity, meta, onSchedule }: Props) {
  const may = meta?.may;
  const sync = useSync();
  const backfill = useBackfillConversations();
  if (!may?.sync && !may?.backfill && !may?.schedule) return null;
  const inactive = identity.is_active ? undefined : "This identity is inactive.";
  const noSchedules = meta?.supports.schedules ? undefined : "Beat ignores schedules that are set here.";
  const name = identity.display_name;
  return (
    <>
      <div className="flex flex-wrap gap-2 md:justify-end">
        {may.sync && (
          <ActionButton
            label={`Sync ${name}`}
            allowed={!inactive}
            reason={inactive}
            pending={sync.isPending}
            onClick={() => sync.mutate(identity.identity_id)}
          >
            Sync
          </ActionButton>
        )}
        {may.backfill && (
          <ActionButton
            allowed={!inactive}
            reason={inactive}
            pending={backfill.isPending}
            label={`Backfill ${name}`}
            onClick={() => backfill.mutate(identity.identity_id)}
          >
            Backfill
          </ActionButton>
        )}
        {may.schedule && (
          <ActionButton
            allowed={!noSchedules && (identity.is_active || identity.schedule_is_own)}
            reason={noSchedules ?? inactive}
            label={`Schedule of ${name}`}
            onClick={onSchedule}
          >
            Schedule
          </ActionButton>
        )}
      </div>
      <div className="min-w-0 space-y-2 empty:hidden md:col-span-full">
        <ActionResult of={sync} label={`Sync of ${name}`} />
        <ActionResult of={backfill} label={`Backfill of ${name}`} />
      </div>
    </>
  );
}
