"use client";

import { Button } from "@/components/ui/button";
import { cn } from "@/lib/utils";

import { plural } from "../data/formatting";
import type { Conversation } from "../data/schema.generated";
import type { useConversations } from "../data/useConversations";
import { Time } from "../shared/Time";
import type { useListbox } from "./useListbox";

interface Props {
  search: ReturnType<typeof useConversations>;
  found: Conversation[];
  typed: string;
  chosen: ReadonlySet<number>;
  full: boolean;
  limit: number;
  list: ReturnType<typeof useListbox>;
  onChoose: (key: string) => void;
  onClose: () => void;
  /** Puts the focus back into the field, before the button that has it may go. */
  onFocus: () => void;
  showIdentity: boolean;
}

/** The conversations that match, as a list box, with what there is to say about them below. */
export function ConversationList({
  search,
  found,
  typed,
  chosen,
  full,
  limit,
  list,
  onChoose,
  onClose,
  onFocus,
  showIdentity,
}: Props) {
  return (
    <div
      // Focus stays in the field, where the keys are read. Without focus in it, the list closes.
      onMouseDown={(event) => event.preventDefault()}
      className="absolute inset-x-0 top-full z-20 mt-1 rounded-md border bg-background text-foreground shadow-lg"
    >
      <ul
        id={list.listId}
        role="listbox"
        aria-label="Conversations"
        aria-multiselectable={limit > 1}
        aria-busy={search.isFetching}
        className={cn("max-h-64 overflow-y-auto", search.isPlaceholderData && "opacity-60")}
      >
        {found.map((conversation) => {
          const key = String(conversation.id);
          const isChosen = chosen.has(conversation.id);
          const isOff = !isChoosable(conversation) || (full && !isChosen);
          return (
            <li
              key={key}
              id={list.optionId(key)}
              role="option"
              aria-selected={isChosen}
              aria-disabled={isOff}
              onMouseMove={() => list.point(key)}
              onClick={() => onChoose(key)}
              className={cn(
                "grid cursor-pointer grid-cols-[1rem_1fr] gap-x-2 border-b px-3 py-2 text-sm last:border-b-0",
                list.active === key &&
                  "bg-accent text-accent-foreground outline-2 -outline-offset-2 outline-ring",
                isOff && "cursor-not-allowed text-muted-foreground",
              )}
            >
              <span aria-hidden>{isChosen ? "✓" : ""}</span>
              <Option conversation={conversation} showIdentity={showIdentity} />
            </li>
          );
        })}
      </ul>
      <div className="flex flex-wrap items-center justify-between gap-2 px-3 py-2 text-xs text-muted-foreground">
        <p role="status">{says({ search, found, typed, full, limit })}</p>
        <div className="flex flex-wrap gap-2">
          {search.isError && (
            <Button type="button" variant="outline" size="sm" onClick={() => void search.refetch()}>
              Try again
            </Button>
          )}
          {!search.isError && search.hasNextPage && (
            <Button
              type="button"
              variant="outline"
              size="sm"
              aria-disabled={search.isFetchingNextPage}
              onClick={() => {
                onFocus();
                if (!search.isFetchingNextPage) void search.fetchNextPage();
              }}
            >
              Load more
            </Button>
          )}
          <Button type="button" variant="ghost" size="sm" onClick={onClose}>
            Close list
          </Button>
        </div>
      </div>
    </div>
  );
}

/** The browser has rounded an id beyond 2^53: what is chosen by it would be another conversation. */
export function isChoosable(conversation: Conversation): boolean {
  return Number.isSafeInteger(conversation.id);
}

function Option({ conversation, showIdentity }: { conversation: Conversation; showIdentity: boolean }) {
  return (
    <span className="min-w-0">
      <bdi className="block break-words font-medium">
        {conversation.counterpart || `Conversation ${conversation.id}`}
      </bdi>
      <span className="block break-words text-xs text-muted-foreground">
        {showIdentity && (
          <>
            <bdi>{conversation.identity.display_name}</bdi>
            {" · "}
          </>
        )}
        {plural(conversation.message_count, "message")}
        {" · last activity "}
        <Time value={conversation.last_activity_at} text={conversation.last_activity_at_text} />
        {conversation.archived_at !== null || conversation.archived_at_text !== undefined
          ? " · archived"
          : ""}
      </span>
    </span>
  );
}

function says({
  search,
  found,
  typed,
  full,
  limit,
}: Pick<Props, "search" | "found" | "typed" | "full" | "limit">): string {
  if (search.isError) return search.error.message;
  if (search.isPending) return "Searching conversations…";
  if (full) return `${limit} conversations are chosen, the most at once.`;
  if (found.length === 0) {
    return typed === ""
      ? "No conversations yet. A sync or backfill brings them."
      : `No counterpart matches “${typed}”.`;
  }
  const shown = plural(found.length, "conversation");
  return search.hasNextPage ? `First ${shown}. Type to narrow.` : `${shown} found.`;
}
