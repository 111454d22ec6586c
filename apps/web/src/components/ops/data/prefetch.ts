import "server-only";
import { dehydrate, type DehydratedState, type QueryKey } from "@tanstack/react-query";
import { makeQueryClient } from "./queryClient";
import { keys } from "./keys";
import { callConsole } from "./upstream";
import { countFilters, jobFilters, type OpsParams } from "./urlParams";

/** Whatever has not come by then is left to the browser, behind its panel's skeleton. */
const PATIENCE_MS = 1_500;
const HISTORY_ROWS = 10;

type First = { queryKey: QueryKey; path: string };

function query(values: Record<string, string | number>): string {
  return new URLSearchParams(Object.entries(values).map(([name, value]) => [name, String(value)])).toString();
}

/** What the panels ask for first, under the keys that their hooks use. */
function firstQueries(params: OpsParams): First[] {
  const list = jobFilters(params);
  const counts = countFilters(params);
  const { inactive, backup_page: page, backup_type: type, backup_kind: kind } = params;
  const history = {
    limit: HISTORY_ROWS,
    offset: (page - 1) * HISTORY_ROWS,
    ...(type ? { type } : {}),
    ...(kind ? { kind } : {}),
  };
  return [
    { queryKey: keys.meta(), path: "/ops/meta" },
    { queryKey: keys.health(), path: "/ops/health" },
    { queryKey: keys.jobs(list), path: `/ops/jobs?${query(list)}` },
    { queryKey: keys.counts(counts), path: `/ops/jobs/counts?${query(counts)}` },
    { queryKey: keys.sync(), path: "/ops/sync/status" },
    ...(inactive
      ? [{ queryKey: [...keys.sync(), "all"], path: "/ops/sync/status?include_inactive=true" }]
      : []),
    { queryKey: keys.backup(), path: "/ops/backup/status" },
    {
      queryKey: type || kind ? [...keys.history(page), type, kind] : keys.history(page),
      path: `/ops/backup/history?${query(history)}`,
    },
    ...(params.job ? [{ queryKey: keys.job(params.job), path: `/ops/jobs/${params.job}` }] : []),
  ];
}

/**
 * Asks the console for what the page shows first, all at once. What fails or takes too long is absent: its panel asks again itself.
 *
 * Args:
 *   session: the value of the cookie `session`; without one nothing is asked.
 */
export async function prefetch(
  params: OpsParams,
  session: string | undefined,
): Promise<{ state: DehydratedState; servedAt: string }> {
  const queryClient = makeQueryClient();
  if (session) {
    await Promise.all(
      firstQueries(params).map(async ({ queryKey, path }) => {
        const answer = await callConsole({ method: "GET", path, session, patienceMs: PATIENCE_MS });
        if (answer.ok) queryClient.setQueryData(queryKey, await answer.json());
      }),
    );
  }
  return { state: dehydrate(queryClient), servedAt: new Date().toISOString() };
}
