/** The sentences of the jobs' panel that depend on data. */
import type { Job, JobPage } from "../data/schema.generated";
import { PAGE_SIZE } from "../data/urlParams";

const numbers = new Intl.NumberFormat("en-US");

export const STATUS_WORDS: Readonly<Record<string, string>> = {
  queued: "Queued",
  running: "Running",
  retrying: "Retrying",
  failed: "Failed",
  done: "Done",
  cancelled: "Cancelled",
  other: "Other",
};

export function statusWord(status: string): string {
  return STATUS_WORDS[status] ?? status;
}

/** "Jobs 51–100 of about 20,115": the total says whether it was counted, estimated, or capped. */
export function rangeText(page: Pick<JobPage, "total" | "total_is">, number: number, rows: number): string {
  const first = (number - 1) * PAGE_SIZE + 1;
  const range = `${numbers.format(first)}–${numbers.format(first + rows - 1)}`;
  return `${rows === 1 ? `Job ${numbers.format(first)}` : `Jobs ${range}`} of ${totalText(page)}`;
}

export function totalText({ total, total_is }: Pick<JobPage, "total" | "total_is">): string {
  const text = numbers.format(total);
  if (total_is === "estimated") return `about ${text}`;
  return total_is === "capped" ? `${text} or more` : text;
}

/** What comes at `next_run_at`, or null when nothing is expected then. */
export function nextAttempt(
  job: Pick<Job, "status" | "attempts" | "max_attempts" | "handed_over">,
): string | null {
  if (job.status !== "queued" && job.status !== "retrying") return null;
  // The core's worker tries by itself: all of its tries are one attempt of the ledger.
  if (job.handed_over === "retrying") return "Next try";
  return `Attempt ${job.attempts + 1} of ${Math.max(job.max_attempts, job.attempts + 1)}`;
}

const HANDED_OVER: Readonly<Record<string, string>> = {
  waiting: "Waiting for its turn",
  not_yet: "Not sent to a worker yet",
  handed_over: "Sent to a worker",
  running: "A worker runs it",
  retrying: "Its worker will try again",
  unknown: "Sent long ago; its result expired unseen",
};

export function handedOverText(value: string | null): string | null {
  return value === null ? null : (HANDED_OVER[value] ?? value);
}

export function conversationOf(job: Pick<Job, "payload">): number | null {
  return idIn(job, "conversation_id");
}

export function messageOf(job: Pick<Job, "payload">): number | null {
  return idIn(job, "message_id");
}

/** An id of the payload, which another application wrote: it may be anything. */
function idIn({ payload }: Pick<Job, "payload">, key: string): number | null {
  const value: unknown = payload?.[key];
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : null;
}
