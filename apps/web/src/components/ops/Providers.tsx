"use client";

import {
  HydrationBoundary,
  QueryClientProvider,
  type DehydratedState,
  type QueryClient,
} from "@tanstack/react-query";
import { useEffect, useState, type ReactNode } from "react";
import { followPause } from "./data/polling";
import { makeQueryClient } from "./data/queryClient";
import { clockOffset, noteServedAt } from "./data/serverClock";
import { Announcer } from "./shared/Announcer";
import { ServedAtContext } from "./shared/servedAt";
import { SessionEnded } from "./shared/SessionEnded";

/** The state's times by the browser's clock, since the browser compares them with its own. */
function inBrowserTime(state: DehydratedState, servedAt: string): DehydratedState {
  if (typeof window === "undefined") return state;
  noteServedAt(servedAt);
  const offset = clockOffset();
  return {
    ...state,
    queries: state.queries.map((query) => ({
      ...query,
      state: { ...query.state, dataUpdatedAt: query.state.dataUpdatedAt + offset },
    })),
  };
}

type Props = {
  /** What the server has fetched already. */
  state?: DehydratedState;
  /** When the server did, ISO 8601. */
  servedAt?: string;
  /** Only tests bring their own. */
  queryClient?: QueryClient;
  loginPath?: string;
  children: ReactNode;
};

/** What all panels share: the answers, the live region, and the sentence for when the session has ended. */
export function Providers({ state, servedAt, queryClient: given, loginPath, children }: Props) {
  const [queryClient] = useState(() => given ?? makeQueryClient());
  const [hydrated] = useState(() => (state && servedAt ? inBrowserTime(state, servedAt) : state));
  useEffect(() => followPause(queryClient), [queryClient]);
  return (
    <QueryClientProvider client={queryClient}>
      <HydrationBoundary state={hydrated}>
        <ServedAtContext.Provider value={servedAt ?? null}>
          <Announcer>
            <SessionEnded loginPath={loginPath} />
            {children}
          </Announcer>
        </ServedAtContext.Provider>
      </HydrationBoundary>
    </QueryClientProvider>
  );
}
