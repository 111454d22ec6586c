"use client";

import { useBackfillConversations } from "../data/useBackfill";
import type { Accepted } from "../data/schema.generated";
import { useMeta } from "../data/useMeta";
import { useSync } from "../data/useSync";
import { Refusal } from "../backfill/Refusal";
import { ActionButton } from "../shared/ActionButton";
import type { Chosen } from "./useChosenIdentity";

interface Props {
  chosen: Chosen;
  /** How many identities are active. */
  active: number;
  onStarted: (accepted: Accepted) => void;
}

/** Start a sync of the chosen identity, or of all; of one also a backfill. Absent for those who may do neither. */
export function SyncButton({ chosen, active, onStarted }: Props) {
  const may = useMeta().data?.may;
  const sync = useSync({ onDone: onStarted });
  const backfill = useBackfillConversations({ onDone: onStarted });
  const isAll = chosen.id === null;
  const reason = chosen.isGone
    ? "This identity is gone or inactive."
    : active === 0
      ? "No identity is active."
      : undefined;
  if (may?.sync !== true && may?.backfill !== true) return null;
  return (
    <>
      <div className="flex flex-wrap gap-2">
        {may.sync && (
          <ActionButton
            variant="default"
            size="default"
            allowed={reason === undefined}
            reason={reason}
            pending={sync.isPending}
            onClick={() => sync.mutate(chosen.id)}
          >
            {isAll ? "Sync all identities" : "Sync identity"}
          </ActionButton>
        )}
        {may.backfill && !isAll && (
          <ActionButton
            size="default"
            allowed={reason === undefined}
            reason={reason}
            pending={backfill.isPending}
            onClick={() => backfill.mutate(chosen.id)}
          >
            Backfill history
          </ActionButton>
        )}
      </div>
      <Refusal error={sync.error} />
      <Refusal error={backfill.error} />
    </>
  );
}
