"use client";

import { useId, useState } from "react";

import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";

import { useRedownload } from "../data/useBackfill";
import type { Accepted, Conversation } from "../data/schema.generated";
import { ActionButton } from "../shared/ActionButton";
import { ChosenConversations } from "./ChosenConversations";
import { ConversationPicker } from "./ConversationPicker";
import { Refusal } from "./Refusal";

const DEFAULT_LIMIT = "100";
const MOST = 1_000;
const NONE: ReadonlySet<number> = new Set();

interface Props {
  identity: number | null;
  mayChoose: boolean;
  onStarted: (accepted: Accepted) => void;
}

/** Fetch missing attachments again: so many at the most, of one conversation or of all. */
export function RedownloadSection({ identity, mayChoose, onStarted }: Props) {
  const [limit, setLimit] = useState(DEFAULT_LIMIT);
  const [conversation, setConversation] = useState<Conversation | null>(null);
  const redownload = useRedownload({ onDone: onStarted });
  const limitId = useId();
  const hintId = useId();
  const count = parseLimit(limit);
  const chosen = conversation === null ? NONE : new Set([conversation.id]);
  const hint =
    count === null
      ? `The limit must be 1–${MOST.toLocaleString("en-US")}, not “${limit}”.`
      : `1–${MOST.toLocaleString("en-US")} attachments.`;
  return (
    <div className="mt-3 space-y-3">
      <p className="text-sm text-muted-foreground">
        Downloads attachments that are missing, of all conversations or one.
      </p>
      {mayChoose && (
        <ConversationPicker
          label="Only this conversation (optional)"
          identity={identity}
          chosen={chosen}
          limit={1}
          onToggle={(picked) => setConversation((before) => (before?.id === picked.id ? null : picked))}
        />
      )}
      <ChosenConversations
        choices={conversation === null ? [] : [{ id: conversation.id, conversation }]}
        onRemove={() => setConversation(null)}
        onClear={() => setConversation(null)}
      />
      <div className="space-y-1.5">
        <Label htmlFor={limitId}>Limit</Label>
        <Input
          id={limitId}
          type="text"
          inputMode="numeric"
          className="w-28"
          value={limit}
          aria-invalid={count === null}
          aria-describedby={hintId}
          onChange={(event) => setLimit(event.target.value)}
        />
        <p
          id={hintId}
          className={count === null ? "text-xs text-destructive" : "text-xs text-muted-foreground"}
        >
          {hint}
        </p>
      </div>
      <ActionButton
        allowed={count !== null}
        reason={hint}
        pending={redownload.isPending}
        onClick={() => {
          if (count !== null) redownload.mutate({ limit: count, conversation: conversation?.id ?? null });
        }}
      >
        Redownload attachments
      </ActionButton>
      <Refusal error={redownload.error} />
    </div>
  );
}

/** The limit as a number; null for what the console would refuse. */
export function parseLimit(text: string): number | null {
  const trimmed = text.trim();
  if (!/^\d{1,4}$/.test(trimmed)) return null;
  const limit = Number(trimmed);
  return limit >= 1 && limit <= MOST ? limit : null;
}
