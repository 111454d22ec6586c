"use client";

import { Button } from "@/components/ui/button";
import type { Accepted } from "../data/schema.generated";
import { useMay } from "../data/useMeta";
import { useSyncStatus } from "../data/useSyncStatus";
import { useChosenIdentity } from "../identity/useChosenIdentity";
import { BackfillConversationsButton } from "./BackfillConversationsButton";
import { BackfillMessagesSection } from "./BackfillMessagesSection";
import { RedownloadSection } from "./RedownloadSection";

type Props = { onStarted: (accepted: Accepted, names?: ReadonlyMap<number, string>) => void };

/** What can be backfilled: a full history, messages of conversations, missing attachments. */
export function BackfillForms({ onStarted }: Props) {
  const status = useSyncStatus();
  const chosen = useChosenIdentity(status.data?.identities);
  const mayChoose = useMay("view_conversations");
  const identity = chosen.isGone ? null : chosen.id;
  return (
    <div className="min-w-0 space-y-6">
      {status.data !== undefined && (
        <BackfillConversationsButton
          identities={status.data.identities}
          chosen={chosen}
          onStarted={onStarted}
        />
      )}
      {status.data === undefined && status.error !== null && (
        <p role="alert" className="text-sm">
          {status.error.message}{" "}
          <Button type="button" variant="outline" size="sm" onClick={() => void status.refetch()}>
            Try again
          </Button>
        </p>
      )}
      {mayChoose && <BackfillMessagesSection identity={identity} onStarted={onStarted} />}
      <details>
        <summary className="cursor-pointer font-medium">Missing attachments</summary>
        <RedownloadSection identity={identity} mayChoose={mayChoose} onStarted={onStarted} />
      </details>
    </div>
  );
}
