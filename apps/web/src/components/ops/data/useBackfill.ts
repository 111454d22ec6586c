import { useQuery } from "@tanstack/react-query";
import { BACKFILLS, backfillRunsKey, mergeRuns, NEWEST_BACKFILLS } from "./backfillRuns";
import { ask, client } from "./client";
import { keys } from "./keys";
import { pollWhile } from "./polling";
import type { Accepted, RunSummary } from "./schema.generated";
import { useAction } from "./useAction";
import { isPending } from "./useRun";

/** Two calls each time: of an idle page's 40 a minute, four. */
const IDLE_MS = 30_000;

const CHANGED = [keys.runs(), keys.allJobs(), keys.sync()];

export { backfillRunsKey };

/** The newest backfills and downloads of attachments: those that are under way, and those that ended last. */
async function fetchBackfillRuns(signal?: AbortSignal): Promise<RunSummary[]> {
  const pages = await Promise.all(
    BACKFILLS.map((operation) =>
      ask(client.GET("/ops/runs", { params: { query: { operation, limit: NEWEST_BACKFILLS } }, signal })),
    ),
  );
  return mergeRuns(pages);
}

export function useBackfillRuns() {
  return useQuery({
    queryKey: backfillRunsKey,
    queryFn: ({ signal }) => fetchBackfillRuns(signal),
    refetchInterval: pollWhile<RunSummary[]>((runs) => runs.some(isPending), IDLE_MS),
  });
}

type Starting = { onDone?: (accepted: Accepted) => void };

/** Backfill one identity, or all active ones. */
export function useBackfillConversations({ onDone }: Starting = {}) {
  return useAction({
    call: (identity: number | null, idempotencyKey: string) =>
      ask(
        client.POST("/ops/backfill/conversations", {
          params: { header: { "Idempotency-Key": idempotencyKey } },
          body: identity === null ? {} : { identity_id: identity },
        }),
      ),
    invalidates: CHANGED,
    onDone,
  });
}

type StartingMessages = { onDone?: (accepted: Accepted, conversations: readonly number[]) => void };

/** Backfill the messages of up to a hundred conversations. */
export function useBackfillMessages({ onDone }: StartingMessages = {}) {
  return useAction({
    call: (conversations: readonly number[], idempotencyKey: string) =>
      ask(
        client.POST("/ops/backfill/messages", {
          params: { header: { "Idempotency-Key": idempotencyKey } },
          body: { conversation_ids: [...conversations] },
        }),
      ),
    invalidates: CHANGED,
    onDone,
  });
}

export type Redownload = { conversation: number | null; limit: number };

/** Fetch missing attachments again, of one conversation or of all. */
export function useRedownload({ onDone }: Starting = {}) {
  return useAction({
    call: ({ conversation, limit }: Redownload, idempotencyKey: string) =>
      ask(
        client.POST("/ops/redownload/attachments", {
          params: { header: { "Idempotency-Key": idempotencyKey } },
          body: { limit, ...(conversation === null ? {} : { conversation_id: conversation }) },
        }),
      ),
    invalidates: CHANGED,
    onDone,
  });
}
