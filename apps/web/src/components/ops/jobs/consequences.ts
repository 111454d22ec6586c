/** What an action does, in words, before it is taken. */
import type { Job } from "../data/schema.generated";
import type { ActionKind } from "./actions";

export function consequence(kind: ActionKind, job: Job): string {
  switch (kind) {
    case "retry":
      return job.can.reason ?? "Requeues the job and resets its attempts.";
    case "terminate":
      return "Kills the process that runs this task. If the task ends right then, the next task can be hit.";
    case "fail":
      return "Marks the job failed with your reason as the error. You can then retry it.";
    case "delete":
      return "Deletes the message that this job failed to send. This can’t be undone.";
    case "cancel":
      return cancelling(job);
  }
}

function cancelling(job: Job): string {
  if (job.status !== "running") return "Cancels the job before it runs.";
  if (job.can.terminate) {
    return "Marks the job cancelled now. The core’s task may still finish; its result is kept. To stop it, use Terminate.";
  }
  return "Stops the job. This can take about 10 seconds.";
}
