"use client";

import { useId, useMemo, useState, type FocusEvent } from "react";

import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";

import type { Conversation } from "../data/schema.generated";
import { useConversations } from "../data/useConversations";
import { ConversationList, isChoosable } from "./ConversationList";
import { useListbox } from "./useListbox";
import { useTypedText } from "./useTypedText";

interface Props {
  label: string;
  /** Only conversations of this identity; null for those of all. */
  identity: number | null;
  chosen: ReadonlySet<number>;
  /** How many may be chosen. With 1, a choice replaces the one before and closes the list. */
  limit: number;
  onToggle: (conversation: Conversation) => void;
}

const NONE: Conversation[] = [];

/** A field that searches conversations by counterpart on the console, with a list to choose from. */
export function ConversationPicker({ label, identity, chosen, limit, onToggle }: Props) {
  const text = useTypedText();
  const hintId = useId();
  const inputId = useId();
  const [open, setOpen] = useState(false);
  const search = useConversations(identity, text.settled, { enabled: open });
  const found = useMemo(
    () => search.data?.pages.flatMap((page) => page.conversations) ?? NONE,
    [search.data],
  );
  const options = useMemo(() => found.map((conversation) => String(conversation.id)), [found]);
  const list = useListbox({
    open,
    setOpen,
    options,
    onChoose: choose,
    onClear: () => text.settle(""),
    onEnd: () => {
      if (search.hasNextPage && !search.isFetchingNextPage) void search.fetchNextPage();
    },
  });
  const single = limit === 1;
  const full = !single && chosen.size >= limit;

  function choose(key: string): void {
    const conversation = found.find((one) => String(one.id) === key);
    if (conversation === undefined || !isChoosable(conversation)) return;
    if (full && !chosen.has(conversation.id)) return;
    onToggle(conversation);
    if (single) list.close();
  }

  function focus(): void {
    document.getElementById(inputId)?.focus();
  }

  function onBlur(event: FocusEvent): void {
    if (!event.currentTarget.contains(event.relatedTarget)) list.close();
  }

  return (
    <div onBlur={onBlur} className="space-y-1.5">
      <Label htmlFor={inputId}>{label}</Label>
      {/* The list lies over what follows: when it closes, nothing moves away from under a click. */}
      <div className="relative">
        <Input
          id={inputId}
          type="text"
          role="combobox"
          aria-expanded={open}
          aria-controls={list.listId}
          aria-autocomplete="list"
          aria-activedescendant={list.active === null ? undefined : list.optionId(list.active)}
          aria-describedby={hintId}
          autoComplete="off"
          spellCheck={false}
          dir="auto"
          maxLength={128}
          placeholder="Counterpart's name"
          value={text.typed}
          onChange={(event) => {
            text.type(event.target.value);
            setOpen(true);
          }}
          onClick={() => setOpen(true)}
          onKeyDown={list.onKeyDown}
        />
        {open && (
          <ConversationList
            search={search}
            found={found}
            typed={text.settled}
            chosen={chosen}
            full={full}
            limit={limit}
            list={list}
            onChoose={choose}
            onFocus={focus}
            onClose={() => {
              focus();
              list.close();
            }}
            showIdentity={identity === null}
          />
        )}
      </div>
      <p id={hintId} className="text-xs text-muted-foreground">
        {single
          ? "Choose one with the arrow keys and Enter."
          : `Choose up to ${limit} with the arrow keys and Enter.`}
      </p>
    </div>
  );
}
