import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { ask, client } from "./client";
import { keys } from "./keys";
import { pollWhile } from "./polling";
import type { SyncOverview } from "./schema.generated";

/** Whether a sync or a backfill of an identity runs or waits. */
export function hasActiveSync(overview: SyncOverview): boolean {
  return overview.identities.some((identity) => identity.active_job !== null);
}

/** How the syncs of the active identities are doing, or of all of them.
 *
 * Both variants start with the same key, so that one invalidation refreshes both. */
export function useSyncStatus({ includeInactive = false }: { includeInactive?: boolean } = {}) {
  return useQuery({
    queryKey: includeInactive ? [...keys.sync(), "all"] : keys.sync(),
    queryFn: ({ signal }) =>
      ask(
        client.GET("/ops/sync/status", {
          params: { query: includeInactive ? { include_inactive: true } : {} },
          signal,
        }),
      ),
    // The list stays while inactive identities are fetched too.
    placeholderData: keepPreviousData,
    refetchInterval: pollWhile(hasActiveSync),
  });
}
