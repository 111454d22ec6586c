import { ask, client } from "./client";
import { keys } from "./keys";
import type { Accepted } from "./schema.generated";
import { useAction } from "./useAction";

/** Sync one identity, or all active ones that can sync. */
export function useSync({ onDone }: { onDone?: (accepted: Accepted) => void } = {}) {
  return useAction({
    call: (identity: number | null, idempotencyKey: string) =>
      ask(
        client.POST("/conversations/sync", {
          params: {
            header: { "Idempotency-Key": idempotencyKey },
            query: identity === null ? {} : { identity_id: identity },
          },
          body: {},
        }),
      ),
    invalidates: [keys.sync(), keys.runs(), keys.allJobs()],
    onDone,
  });
}
