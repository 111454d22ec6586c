import { ask, client } from "./client";
import { keys } from "./keys";
import { useAction } from "./useAction";

export interface ScheduleInput {
  identityId: number;
  everyMinutes?: number;
  enabled?: boolean;
}

/** Makes or changes an identity's own sync schedule. */
export function useSetSchedule(onDone?: () => void) {
  return useAction({
    call: ({ identityId, everyMinutes, enabled }: ScheduleInput) =>
      ask(
        client.PUT("/ops/identities/{id}/schedule", {
          params: { path: { id: identityId } },
          body: {
            ...(everyMinutes === undefined ? {} : { every_minutes: everyMinutes }),
            ...(enabled === undefined ? {} : { enabled }),
          },
        }),
      ),
    invalidates: [keys.sync(), keys.health()],
    onDone,
  });
}

/** Deletes an identity's own schedule, so that the default one holds for it again. */
export function useClearSchedule(onDone?: () => void) {
  return useAction({
    call: ({ identityId }: { identityId: number }) =>
      ask(client.DELETE("/ops/identities/{id}/schedule", { params: { path: { id: identityId } } })),
    invalidates: [keys.sync(), keys.health()],
    onDone,
  });
}
