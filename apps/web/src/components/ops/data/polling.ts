import type { QueryClient } from "@tanstack/react-query";
import { isPaused, onPauseChange } from "./live";
import { isForbidden, isSessionEnded } from "./problem";

export { useLive } from "./live";

// An idle, visible page may ask 40 times a minute. It asks for the jobs, the counts, the sync status and the health
// every 12 s (20 a minute), and for the backups' status and history once a minute: 22, and 27 with a job open.
/** While something runs. */
export const FAST_MS = 3_000;
/** While nothing does. */
export const SLOW_MS = 12_000;
/** For what seldom changes. */
export const CALM_MS = 60_000;

/** What is needed of a query; its own type would have to name everything that the query was made with. */
type Polled = { state: { data: unknown; error: Error | null } };

/**
 * A `refetchInterval`: fast while something runs, slow otherwise, never while paused, nor after the session has ended or
 * where the user may not look. TanStack Query itself asks nothing in a hidden tab.
 *
 * Args:
 *   isActive: whether the data show something that runs.
 *   slow: milliseconds between two calls while nothing runs; false to end the polling then.
 *   fast: milliseconds while something runs.
 */
export function pollWhile<T>(
  isActive: (data: T) => boolean,
  slow: number | false = SLOW_MS,
  fast: number = FAST_MS,
): (query: Polled) => number | false {
  return ({ state }) => {
    if (isPaused() || isSessionEnded(state.error) || isForbidden(state.error)) return false;
    // Whoever doesn't answer is asked no faster.
    if (state.data === undefined || state.error) return slow === false ? SLOW_MS : slow;
    return isActive(state.data as T) ? fast : slow;
  };
}

/** For data that nothing on the page speeds up. */
export const pollEvery = (milliseconds: number) => pollWhile<unknown>(() => false, milliseconds);

/** Lets every mounted query look at its interval again when the switch is used: it does so only when rendered otherwise. */
export function followPause(queryClient: QueryClient): () => void {
  return onPauseChange(() => {
    for (const query of queryClient.getQueryCache().getAll()) {
      query.observers.forEach((observer) => observer.setOptions(observer.options));
    }
    if (!isPaused()) void queryClient.invalidateQueries({ queryKey: ["ops"], refetchType: "active" });
  });
}
