"use client";

import { useBackfillMessages } from "../data/useBackfill";
import { plural } from "../data/formatting";
import type { Accepted } from "../data/schema.generated";
import { ActionButton } from "../shared/ActionButton";
import { ChosenConversations } from "./ChosenConversations";
import { ConversationPicker } from "./ConversationPicker";
import { Refusal } from "./Refusal";
import { MAX_CONVERSATIONS, nameOf, useChosen } from "./useChosen";

interface Props {
  identity: number | null;
  onStarted: (accepted: Accepted, names: ReadonlyMap<number, string>) => void;
}

/** Choose conversations by counterpart, and fetch their messages. */
export function BackfillMessagesSection({ identity, onStarted }: Props) {
  const chosen = useChosen();
  const ids = new Set(chosen.choices.map((one) => one.id));
  const backfill = useBackfillMessages({
    onDone: (accepted, sent) => {
      onStarted(accepted, new Map(chosen.choices.map((one) => [one.id, nameOf(one)])));
      // What was chosen meanwhile stays.
      chosen.remove(...sent);
    },
  });
  const count = ids.size;
  return (
    <section aria-labelledby="backfill-messages" className="space-y-3">
      <h3 id="backfill-messages" className="font-medium">
        Messages of conversations
      </h3>
      <p className="text-sm text-muted-foreground">
        Fetches the messages of chosen conversations. One job per identity covers them.
      </p>
      <ConversationPicker
        label="Search conversations"
        identity={identity}
        chosen={ids}
        limit={MAX_CONVERSATIONS}
        onToggle={chosen.toggle}
      />
      <ChosenConversations choices={chosen.choices} onRemove={chosen.remove} onClear={chosen.clear} />
      <ActionButton
        allowed={count > 0}
        reason="Choose a conversation first."
        pending={backfill.isPending}
        onClick={() => backfill.mutate(Array.from(ids))}
      >
        {count === 0 ? "Backfill messages" : `Backfill ${plural(count, "conversation")}`}
      </ActionButton>
      <Refusal error={backfill.error} />
    </section>
  );
}
