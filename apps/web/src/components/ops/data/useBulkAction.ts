import { useQuery } from "@tanstack/react-query";

import { ask, client } from "./client";
import { notJson, type OpsError } from "./problem";
import type { Accepted, MatchingPreview } from "./schema.generated";
import type { JobScope } from "./urlParams";
import { useAction } from "./useAction";
import { CHANGED } from "./useJobActions";

export type Verb = "retry" | "cancel";

/** The list's filters; of the statuses, the action itself chooses those that it applies to. */
export type BulkFilter = JobScope & { status?: string };

export interface BulkRequest {
  verb: Verb;
  filter: BulkFilter;
  preview: MatchingPreview;
  reason: string;
  /** How many are retried first; the others follow only if these succeed. */
  canary?: number;
}

/** What retrying or cancelling all jobs of a filter would do. It changes nothing, though it is a POST. */
export function useBulkPreview(verb: Verb, filter: BulkFilter) {
  return useQuery<MatchingPreview, OpsError>({
    queryKey: ["ops", "preview", verb, filter],
    queryFn: async ({ signal }) => {
      const answer = await ask(send(verb, { filter, dry_run: true }, { signal }));
      if (!("matched" in answer)) throw notJson(202);
      return answer;
    },
    // What was seen is what is acted on: nothing changes the numbers but opening the dialog and asking again.
    gcTime: 0,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
    retry: false,
  });
}

/** Retry or cancel all jobs that the preview counted, as one run. */
export function useBulkAction() {
  return useAction<BulkRequest, Accepted>({
    call: async ({ verb, filter, preview, reason, canary }, key) => {
      const body = {
        filter,
        up_to_id: preview.up_to_id,
        expected: preview.matched,
        reason,
        ...(canary && { canary }),
      };
      const answer = await ask(send(verb, body, { params: { header: { "Idempotency-Key": key } } }));
      if (!("job_id" in answer)) throw notJson(200);
      return answer;
    },
    invalidates: CHANGED,
  });
}

type Body = {
  filter: BulkFilter;
  dry_run?: boolean;
  up_to_id?: number;
  expected?: number;
  reason?: string;
  canary?: number;
};
type Options = { signal?: AbortSignal; params?: { header: { "Idempotency-Key": string } } };

function send(verb: Verb, body: Body, options: Options) {
  return verb === "retry"
    ? client.POST("/ops/jobs/retry", { body, ...options })
    : client.POST("/ops/jobs/cancel", { body, ...options });
}
