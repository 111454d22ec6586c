import { useQuery, useQueryClient, type QueryClient } from "@tanstack/react-query";
import { ask, client } from "./client";
import { keys } from "./keys";
import { pollWhile } from "./polling";
import { OpsError } from "./problem";
import type { Run, RunSummary } from "./schema.generated";
import { useAction } from "./useAction";

/** Whether some of a run's jobs have not ended. */
export function isPending(run: Pick<RunSummary, "status"> | undefined): boolean {
  return run?.status === "pending";
}

type Following = {
  /** When a list last said that the run is pending: a job of an ended run may have been retried. */
  pendingAt?: number;
};

const poll = pollWhile<Run>(isPending, false);

/** How far a run's jobs are, as a text that changes whenever one of them begins or ends. */
const movesOf = (run: Run): string => JSON.stringify([run.status, run.by_status]);

/**
 * Reads a run. When its jobs have moved on since it was read last, what they change is asked for again: a list that polls
 * calmly would show the old state up to a minute after the run says that it is done.
 *
 * The client's types lose each property that may hold any JSON, such as a job's `result`; the answer has it.
 */
export async function readRun(id: string, signal: AbortSignal, cache: QueryClient): Promise<Run> {
  const before = cache.getQueryData<Run>(keys.run(id));
  const run = (await ask(client.GET("/ops/runs/{id}", { params: { path: { id } }, signal }))) as Run;
  if (before && movesOf(before) !== movesOf(run)) {
    for (const queryKey of [keys.allJobs(), keys.sync(), keys.allBackup()])
      void cache.invalidateQueries({ queryKey });
  }
  return run;
}

/** One run with its jobs. Polled until it ends; never where the console doesn't know the id. */
export function useRun(id: string | null, { pendingAt = 0 }: Following = {}) {
  return useQuery({
    queryKey: keys.run(id ?? ""),
    queryFn: ({ signal, client: cache }) => readRun(id ?? "", signal, cache),
    enabled: id !== null,
    refetchInterval: (query) => {
      const { data, error, dataUpdatedAt } = query.state;
      if (error instanceof OpsError && [400, 404].includes(error.status)) return false;
      const isOver = data !== undefined && !isPending(data) && pendingAt <= dataUpdatedAt;
      return isOver ? false : poll(query);
    },
  });
}

/** Cancel those of a run's jobs that have not ended. */
export function useCancelRun() {
  const queryClient = useQueryClient();
  return useAction({
    call: (id: string, idempotencyKey: string) =>
      ask(
        client.POST("/ops/runs/{id}/cancel", {
          params: { path: { id }, header: { "Idempotency-Key": idempotencyKey } },
          body: {},
        }),
      ),
    invalidates: [keys.runs(), keys.allJobs(), keys.sync()],
    // The answer has the run as it is now: no button waits for the next poll.
    onDone: ({ run }) => queryClient.setQueryData(keys.run(run.id), run),
  });
}
