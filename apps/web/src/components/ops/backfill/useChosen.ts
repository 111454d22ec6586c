import { useState } from "react";
import type { Conversation } from "../data/schema.generated";
import { useUrlState } from "../data/urlState";

export const MAX_CONVERSATIONS = 100;

export type Choice = {
  id: number;
  /** Null where the address names a conversation that this page has not loaded. */
  conversation: Conversation | null;
};

export function nameOf({ id, conversation }: Choice): string {
  return conversation?.counterpart || `Conversation ${id}`;
}

/** The conversations that are chosen. A single one stands in the address, so that a link can choose it. */
export function useChosen() {
  const [{ conversation: linked }, setUrl] = useUrlState();
  const [picked, setPicked] = useState<Choice[]>([]);
  const isNew = linked !== null && !picked.some((one) => one.id === linked);
  const choices = isNew ? [{ id: linked, conversation: null }, ...picked] : picked;

  function store(next: Choice[]): void {
    setPicked(next);
    setUrl({ conversation: next.length === 1 ? (next[0]?.id ?? null) : null });
  }

  const remove = (...ids: number[]): void => store(choices.filter((one) => !ids.includes(one.id)));
  return {
    choices,
    remove,
    clear: (): void => store([]),
    toggle: (conversation: Conversation): void => {
      if (choices.some((one) => one.id === conversation.id)) remove(conversation.id);
      else if (choices.length < MAX_CONVERSATIONS) store([...choices, { id: conversation.id, conversation }]);
    },
  };
}
