import { useQueryClient } from "@tanstack/react-query";

import { replaceJob } from "../jobs/heldRows";
import { ask, client } from "./client";
import { keys } from "./keys";
import type { Job, JobPage } from "./schema.generated";
import { useAction } from "./useAction";

/** All that may look different once a job has changed. */
export const CHANGED = [keys.allJobs(), keys.sync(), keys.runs()];
const LISTS = [...keys.allJobs(), "list"];

export type JobAction =
  | { kind: "retry"; job: Job; confirm?: boolean; reason?: string }
  | { kind: "cancel" | "terminate"; job: Job; reason?: string }
  | { kind: "fail"; job: Job; reason: string }
  | { kind: "delete"; job: Job; url: string };

export interface Acted {
  message: string;
  warning?: string | null;
  job?: Job;
}

/** Retry, cancel, terminate or fail one job, or delete the message that it failed to send. */
export function useJobAction() {
  const cache = useQueryClient();
  return useAction<JobAction, Acted>({
    call: perform,
    invalidates: CHANGED,
    // Not the whole job: its progress and times move on between two clicks.
    same: ({ job, ...rest }) => ({ ...rest, id: job.id }),
    onDone: ({ job }) => {
      // At once, and for good where the job has left the list's filter: its row then stays as it is here.
      if (job) cache.setQueriesData<JobPage>({ queryKey: LISTS }, (page) => replaceJob(page, job));
    },
  });
}

async function perform(action: JobAction, key: string): Promise<Acted> {
  if (action.kind === "delete") return deleteMessage(action.url);
  const params = { path: { id: action.job.id }, header: { "Idempotency-Key": key } };
  const reason = action.reason ? { reason: action.reason } : {};
  switch (action.kind) {
    case "retry":
      return ask(
        client.POST("/ops/jobs/{id}/retry", {
          params,
          body: { ...reason, ...(action.confirm && { confirm: true }) },
        }),
      );
    case "fail":
      return ask(client.POST("/ops/jobs/{id}/fail", { params, body: { reason: action.reason } }));
    default:
      return ask(
        client.POST("/ops/jobs/{id}/cancel", {
          params,
          body: { ...reason, ...(action.kind === "terminate" && { terminate: true }) },
        }),
      );
  }
}

/** Call the host application's own route: it is none of the console's, and neither are its answers. */
async function deleteMessage(url: string): Promise<Acted> {
  const call = fetch(new URL(url, window.location.origin), {
    method: "DELETE",
    headers: { Accept: "application/json" },
  });
  await ask(
    call.then(async (response) => {
      const body: unknown = await response.json().catch(() => ({}));
      return response.ok ? { data: body, response } : { error: body, response };
    }),
  );
  return { message: "Message deleted." };
}
