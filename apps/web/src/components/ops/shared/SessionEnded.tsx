"use client";

import { useQueryClient, type QueryCache } from "@tanstack/react-query";
import { useCallback, useSyncExternalStore } from "react";
import { isSessionEnded } from "../data/problem";

/** Of what the page shows now: an answer of earlier filters is never asked for again, and would keep its error. */
function anyEnded(cache: QueryCache): boolean {
  return cache.getAll().some((query) => query.isActive() && isSessionEnded(query.state.error));
}

/** One sentence once the session has ended. What is on the page stays; logging in leads back to the same address. */
export function SessionEnded({ loginPath = "/login" }: { loginPath?: string }) {
  const cache = useQueryClient().getQueryCache();
  const subscribe = useCallback((listener: () => void) => cache.subscribe(listener), [cache]);
  const ended = useSyncExternalStore(
    subscribe,
    () => anyEnded(cache),
    () => false,
  );
  if (!ended) return null;
  const back =
    typeof window === "undefined" ? "/ops" : `${window.location.pathname}${window.location.search}`;
  return (
    <p role="alert" className="rounded-md border border-destructive bg-card p-3 text-sm">
      Your session has ended.{" "}
      <a className="font-medium underline" href={`${loginPath}?next=${encodeURIComponent(back)}`}>
        Log in again
      </a>{" "}
      to refresh this page.
    </p>
  );
}
