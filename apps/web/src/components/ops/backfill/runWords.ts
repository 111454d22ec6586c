import type { Run, RunJob, RunSummary } from "../data/schema.generated";

/** How a run or a job of it stands, in the page's words. Only `done` may be green. */
export type RunState =
  | "queued"
  | "running"
  | "retrying"
  | "cancelling"
  | "done"
  | "done_with_errors"
  | "partly_failed"
  | "failed"
  | "cancelled"
  | "partly_cancelled"
  | "skipped"
  | "gone"
  | "ended";

const TITLES: Record<RunState, string> = {
  queued: "Queued",
  running: "Running",
  retrying: "Retrying",
  cancelling: "Cancelling",
  done: "Done",
  done_with_errors: "Done with errors",
  partly_failed: "Partly failed",
  failed: "Failed",
  cancelled: "Cancelled",
  partly_cancelled: "Partly cancelled",
  skipped: "Skipped",
  gone: "Gone",
  // The list of runs doesn't tell whether a run that is done left errors.
  ended: "Ended",
};

export function stateTitle(state: RunState): string {
  return TITLES[state];
}

/** How a run stands. `run` may lack its jobs, as in the list of runs. */
export function runState(run: RunSummary | Run): RunState {
  const count = (status: string): number => run.by_status[status] ?? 0;
  if (run.status === "pending") {
    if (run.cancelling > 0) return "cancelling";
    if (count("running") > 0) return "running";
    if (count("retrying") > 0) return "retrying";
    // Some jobs have ended, so the run has begun even while the others wait.
    return endedJobs(run) > 0 ? "running" : "queued";
  }
  if (run.status === "failure") {
    const cancelled = count("cancelled");
    if (cancelled === run.job_count && cancelled > 0) return "cancelled";
    const failed = run.job_count - count("done") - cancelled;
    if (failed === 0 && cancelled > 0) return "partly_cancelled";
    return count("done") > 0 ? "partly_failed" : "failed";
  }
  if (!("jobs" in run)) return "ended";
  if (errorsOf(run.result).length > 0 || run.jobs.some((job) => job.outcome === "partial"))
    return "done_with_errors";
  return run.jobs.length > 0 && run.jobs.every((job) => job.outcome === "skipped") ? "skipped" : "done";
}

/** How one job of a run stands. */
export function jobState(job: RunJob): RunState | string {
  if (job.cancel_requested_at !== null && job.status === "running") return "cancelling";
  if (job.status !== "done") return job.status;
  if (job.outcome === "partial") return "done_with_errors";
  return job.outcome === "skipped" ? "skipped" : "done";
}

const ENDED: readonly string[] = ["done", "failed", "cancelled", "gone"];

/** How many of a run's jobs have ended, however they did. */
export function endedJobs(run: RunSummary): number {
  return ENDED.reduce((sum, status) => sum + (run.by_status[status] ?? 0), 0);
}

const LABELS: Record<string, string> = {
  new_conversations: "New conversations",
  conversations_synced: "Conversations fetched",
  new_messages: "New messages",
  messages_synced: "Messages fetched",
  downloaded: "Downloaded",
  skipped: "Skipped",
  failed: "Failed",
  messages_scanned: "Messages scanned",
  urls_found: "Attachments found",
};
const ORDER = Object.keys(LABELS);

/** What stands elsewhere, or is another name of a number that is shown. */
const HIDDEN = new Set([
  "status",
  "error",
  "errors",
  "attachments_created",
  "already_exists",
  "download_failed",
]);

export interface Sum {
  key: string;
  label: string;
  value: number | string;
}

type Result = Run["result"];

/** The numbers of a result, known ones first; a key that this page doesn't know is shown by its own name. */
export function sumsOf(result: Result): Sum[] {
  const known = (key: string): number => (ORDER.includes(key) ? ORDER.indexOf(key) : ORDER.length);
  return Object.entries(result ?? {})
    .filter(([key]) => !HIDDEN.has(key))
    .flatMap(([key, value]) => {
      if (typeof value !== "number" && typeof value !== "string" && typeof value !== "bigint") return [];
      return [
        {
          key,
          label: LABELS[key] ?? readableKey(key),
          value: typeof value === "bigint" ? String(value) : value,
        },
      ];
    })
    .sort((a, b) => known(a.key) - known(b.key));
}

/** The errors that a result lists, as text. */
export function errorsOf(result: Result): string[] {
  const errors = (result as { errors?: unknown } | null)?.errors;
  if (!Array.isArray(errors)) return [];
  return errors.map((error) => (typeof error === "string" ? error : JSON.stringify(error)));
}

/** The sentence that says which jobs did not end well. */
export function failureOf(result: Result): string | null {
  const error = (result as { error?: unknown } | null)?.error;
  return typeof error === "string" && error !== "" ? error : null;
}

/** Why jobs had nothing to do, each cause once. */
export function skippedBecause(result: Result): string[] {
  const reasons = (result as { skipped_because?: unknown } | null)?.skipped_because;
  return Array.isArray(reasons) ? Array.from(new Set(reasons.map(String))) : [];
}

function readableKey(key: string): string {
  const words = key.replaceAll("_", " ").trim();
  return words === "" ? "Unnamed" : words.charAt(0).toUpperCase() + words.slice(1);
}

export function isRunState(state: string): state is RunState {
  return Object.hasOwn(TITLES, state);
}
