/** What an action does, in words, before it is taken. */
import type { Job } from "../data/schema.generated";
import type { ActionKind } from "./actions";

export function consequence(kind: ActionKind, job: Job): string {
  switch (kind) {
    case "retry":
      return job.can.reason ?? "Requeues the job and resets its attempts.";
    case "terminate":
      return "Kills the process that runs this task. If the task has just ended, this can hit the next task.";
    case "fail":
      return "Marks the job failed with your reason as the error. You can then retry it.";
    case "delete":
      return `Deletes message ${String(job.payload.message_id)} in the application. This can’t be undone.`;
    case "cancel":
      return cancelling(job);
  }
}

function cancelling(job: Job): string {
  if (job.status === "queued") return "Cancels the job before it runs.";
  if (job.status === "retrying") return "Cancels the job. It won’t be tried again.";
  if (job.can.terminate) {
    return "Marks the job cancelled now. The core’s task may still finish; its result is kept.";
  }
  return "Cancels the job. Its task may still finish.";
}
