import "server-only";
import { dehydrate, type DehydratedState, type QueryKey } from "@tanstack/react-query";
import { BACKFILLS, backfillRunsKey, mergeRuns, NEWEST_BACKFILLS } from "./backfillRuns";
import { keys } from "./keys";
import { makeQueryClient } from "./queryClient";
import type { RunPage } from "./schema.generated";
import { callConsole } from "./upstream";
import { countFilters, jobFilters, type OpsParams } from "./urlParams";

/** Whatever has not come by then is left to the browser, behind its panel's skeleton. */
const PATIENCE_MS = 1_500;
const HISTORY_ROWS = 10;

/** One answer, or several that `merge` makes one of. */
type First = { queryKey: QueryKey; paths: string[]; merge?: (answers: unknown[]) => unknown };

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
    { queryKey: keys.meta(), paths: ["/ops/meta"] },
    { queryKey: keys.health(), paths: ["/ops/health"] },
    { queryKey: keys.jobs(list), paths: [`/ops/jobs?${query(list)}`] },
    { queryKey: keys.counts(counts), paths: [`/ops/jobs/counts?${query(counts)}`] },
    { queryKey: keys.sync(), paths: ["/ops/sync/status"] },
    ...(inactive
      ? [{ queryKey: [...keys.sync(), "all"], paths: ["/ops/sync/status?include_inactive=true"] }]
      : []),
    { queryKey: keys.backup(), paths: ["/ops/backup/status"] },
    {
      queryKey: type || kind ? [...keys.history(page), type, kind] : keys.history(page),
      paths: [`/ops/backup/history?${query(history)}`],
    },
    {
      queryKey: backfillRunsKey,
      paths: BACKFILLS.map((operation) => `/ops/runs?${query({ operation, limit: NEWEST_BACKFILLS })}`),
      merge: (pages) => mergeRuns(pages as RunPage[]),
    },
    ...(params.job ? [{ queryKey: keys.job(params.job), paths: [`/ops/jobs/${params.job}`] }] : []),
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
      firstQueries(params).map(async ({ queryKey, paths, merge }) => {
        const answers = await Promise.all(
          paths.map((path) => callConsole({ method: "GET", path, session, patienceMs: PATIENCE_MS })),
        );
        if (!answers.every((answer) => answer.ok)) return;
        const bodies: unknown[] = await Promise.all(
          answers.map((answer) => answer.json() as Promise<unknown>),
        );
        queryClient.setQueryData(queryKey, merge ? merge(bodies) : bodies[0]);
      }),
    );
  }
  return { state: dehydrate(queryClient), servedAt: new Date().toISOString() };
}
