import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { ask, client } from "./client";
import { keys } from "./keys";

const SHOWN = 50;

/** The cursor in the address of a next page; null where there is none. */
export function cursorOf(address: string | null | undefined): string | null {
  const query = address?.split("?")[1];
  return query === undefined ? null : new URLSearchParams(query).get("cursor");
}

/**
 * Conversations by identity and by a part of the counterpart's name, newest first, page by page.
 * The console searches: thousands of conversations never reach the page.
 */
export function useConversations(identity: number | null, q: string, { enabled = true } = {}) {
  return useInfiniteQuery({
    queryKey: keys.conversations(identity, q),
    queryFn: ({ pageParam, signal }) =>
      ask(
        client.GET("/ops/conversations", {
          params: {
            query: {
              ...(identity === null ? {} : { identity_id: identity }),
              ...(q === "" ? {} : { q }),
              ...(pageParam === null ? {} : { cursor: pageParam }),
              limit: SHOWN,
            },
          },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => cursorOf(last.next),
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    enabled,
  });
}
