import { keepPreviousData, useQueries, useQuery, type UseQueryOptions } from "@tanstack/react-query";

import { ask, client } from "./client";
import { keys } from "./keys";
import { pollEvery, pollWhile, SLOW_MS } from "./polling";
import type { OpsError } from "./problem";
import type { Job, JobCounts, JobDetails, JobPage } from "./schema.generated";
import type { JobFilters, JobScope } from "./urlParams";

type State = Pick<Job, "status" | "stuck">;

/** Whether a job changes by itself within seconds. One that is stuck may stay as it is for days. */
const isMoving = (job: State) => job.status === "running" && !job.stuck;

const isActive = (job: State) => ["queued", "running", "retrying"].includes(job.status);

const MOST_ROWS = 200;

/**
 * One page of the jobs, newest first.
 *
 * Args:
 *   extra: rows more than a page, while new ones wait to be shown. Otherwise those would push the rows on the screen out
 *     of the answer, which would then age unseen. It is no part of the key: the list is the same.
 */
export function useJobs(filters: JobFilters, extra = 0) {
  const limit = Math.min(filters.limit + extra, MOST_ROWS);
  return useQuery<JobPage, OpsError>({
    queryKey: keys.jobs(filters),
    queryFn: ({ signal }) =>
      ask(client.GET("/ops/jobs", { params: { query: { ...filters, limit } }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: pollWhile((page: JobPage) => page.jobs.some(isMoving)),
  });
}

/** How many jobs there are of each status, by the filters that the tabs share. */
export function useCounts(scope: JobScope) {
  return useQuery<JobCounts, OpsError>({
    queryKey: keys.counts(scope),
    queryFn: ({ signal }) => ask(client.GET("/ops/jobs/counts", { params: { query: scope }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: pollEvery(SLOW_MS),
  });
}

/** At most so many rows that left the list are followed. */
const FOLLOWED = 5;

/** Follow rows that no longer match the filter: the list doesn't say what became of them. */
export function useGoneJobs(ids: readonly number[]): ReadonlyMap<number, Job> {
  // Until they have ended, and no faster than the list: several of them are asked for one by one.
  const refetchInterval = pollWhile<State>(isActive, false, SLOW_MS);
  return useQueries({
    queries: ids.slice(0, FOLLOWED).map((id) => ({ ...jobQuery(id), refetchInterval })),
    combine,
  });
}

/** How one job is asked for. */
export function jobQuery(id: number): UseQueryOptions<JobDetails, OpsError> {
  return {
    queryKey: keys.job(id),
    // openapi-fetch's own type of the answer loses `result`, whose type refers to itself.
    queryFn: ({ signal }) =>
      ask(
        client.GET("/ops/jobs/{id}", { params: { path: { id } }, signal }),
      ) as Promise<unknown> as Promise<JobDetails>,
    refetchInterval: pollWhile(isMoving),
  };
}

// Outside of the hook: the same function each time, so that the same answers make the same map.
function combine(results: { data?: JobDetails }[]): ReadonlyMap<number, Job> {
  return new Map(results.flatMap(({ data }) => (data ? [[data.id, data] as const] : [])));
}
