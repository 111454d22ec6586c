"use client";

import { useState } from "react";

import { useBackfillConversations } from "../data/useBackfill";
import { plural } from "../data/formatting";
import type { Accepted, SyncStatus } from "../data/schema.generated";
import { IdentitySelector } from "../identity/IdentitySelector";
import type { Chosen } from "../identity/useChosenIdentity";
import { ActionButton } from "../shared/ActionButton";
import { ConfirmDialog } from "../shared/ConfirmDialog";
import { Refusal } from "./Refusal";

interface Props {
  identities: SyncStatus[];
  chosen: Chosen;
  onStarted: (accepted: Accepted) => void;
}

/** Import the full history of one identity, or of all after asking once. */
export function BackfillConversationsButton({ identities, chosen, onStarted }: Props) {
  const [asking, setAsking] = useState(false);
  const backfill = useBackfillConversations({ onDone: onStarted });
  const reason = whyNot(identities, chosen);
  const isAll = chosen.id === null;
  const label = isAll ? "Backfill all identities" : "Backfill identity";
  return (
    <section aria-labelledby="backfill-conversations" className="space-y-3">
      <h3 id="backfill-conversations" className="font-medium">
        Full history
      </h3>
      <p className="text-sm text-muted-foreground">
        Imports all conversations and messages of an identity, from the beginning.
      </p>
      <IdentitySelector identities={identities} chosen={chosen} label="Identity to backfill" />
      {chosen.identity?.active_job && (
        <p className="text-sm">
          {chosen.identity.active_job.title} is active. A duplicate joins it; other work waits for it.
        </p>
      )}
      <ActionButton
        variant="default"
        allowed={reason === null}
        reason={reason}
        pending={backfill.isPending}
        onClick={() => (isAll ? setAsking(true) : backfill.mutate(chosen.id))}
      >
        {label}
      </ActionButton>
      <ConfirmDialog
        action={label}
        open={asking}
        onOpenChange={setAsking}
        onConfirm={() => {
          setAsking(false);
          backfill.mutate(null);
        }}
      >
        <p>Queues a job for each of {plural(identities.length, "active identity", "active identities")}.</p>
        <p>Each job imports a full history and may take hours. Identities that can’t sync are skipped.</p>
      </ConfirmDialog>
      <Refusal error={backfill.error} />
    </section>
  );
}

function whyNot(identities: SyncStatus[], chosen: Chosen): string | null {
  if (chosen.isGone) return "This identity is gone or inactive.";
  return identities.length === 0 ? "No identity is active." : null;
}
