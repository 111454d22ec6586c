"use client";

/** What the rows, the menu, the dialog and the sheet share: which job is acted on, and what came of it. */
import { createContext, useContext } from "react";

import type { Job } from "../data/schema.generated";

export type ActionKind = "retry" | "cancel" | "terminate" | "fail" | "delete";

export interface Note {
  kind: ActionKind;
  tone: "done" | "refused";
  text: string;
}

export interface JobActions {
  may: Readonly<Record<ActionKind, boolean>>;
  /** What is being done to which job right now. */
  pending: ReadonlyMap<number, ActionKind>;
  /** What came of the last action on a job. */
  notes: ReadonlyMap<number, Note>;
  /** Act at once, or ask first where that is needed. */
  begin: (kind: ActionKind, job: Job) => void;
  openMenu: (job: Job, button: HTMLElement) => void;
  /** The job whose menu is open. */
  menuOf: number | null;
  /** The job whose run is to be unfolded in its sheet. */
  runOf: number | null;
  showRunOf: (id: number) => void;
  hrefOfConversation: (id: number) => string | null;
  deleteUrlOf: (job: Job) => string | null;
}

export const JobActionsContext = createContext<JobActions | null>(null);

export function useJobActions(): JobActions {
  const actions = useContext(JobActionsContext);
  if (actions === null) throw new Error("useJobActions needs a JobActionsProvider above it.");
  return actions;
}

export interface Offer {
  kind: ActionKind;
  allowed: boolean;
  reason?: string;
}

/**
 * Return what can be done with a job, and what can't be done now with why.
 *
 * The action that was just taken stays, switched off: its button holds the focus.
 */
export function offersOf(
  job: Job,
  may: JobActions["may"],
  note: Note | undefined,
  canDelete: boolean,
): Offer[] {
  const done = note?.tone === "done" ? note.kind : null;
  // The browser has rounded such an id: acting on it would act on another job.
  if (!Number.isSafeInteger(job.id)) return [];
  const failed = job.status === "failed";
  const active = ACTIVE.includes(job.status);
  const { can } = job;
  const ended = `This job is ${job.status}.`;
  const offers: (Offer | false)[] = [
    (failed || done === "retry") && {
      kind: "retry",
      allowed: can.retry,
      reason: failed ? can.reason : ended,
    },
    (can.fail || done === "fail") && { kind: "fail", allowed: can.fail, reason: ended },
    (active || done === "cancel") && {
      kind: "cancel",
      allowed: can.cancel,
      reason: active ? can.reason : ended,
    },
    can.terminate && { kind: "terminate", allowed: true },
    failed && canDelete && SENDS.includes(job.job_type) && { kind: "delete", allowed: true },
  ];
  return offers.filter((offer): offer is Offer => offer !== false && may[offer.kind]);
}

/** Whether a note still says something about the job: "Queued again" doesn't once the job has failed again. */
export function isCurrent(note: Note | undefined, job: Job): note is Note {
  return note !== undefined && !(note.kind === "retry" && note.tone === "done" && job.status === "failed");
}

/** The types that send the message of their payload, today's name and an older one. */
const SENDS: readonly string[] = ["message.send_manual", "send_manual"];
const ACTIVE: readonly string[] = ["queued", "running", "retrying"];

export const WORDS: Readonly<Record<ActionKind, string>> = {
  retry: "Retry job",
  cancel: "Cancel job",
  terminate: "Terminate job",
  fail: "Mark as failed",
  delete: "Delete message",
};

/** Fill in a template such as `/inbox/{conversation_id}`; null when the job lacks one of its values. */
export function fill(template: string | undefined, values: Record<string, number | null>): string | null {
  if (!template) return null;
  let complete = true;
  const filled = template.replace(/\{(\w+)\}/g, (_whole, name: string) => {
    const value = values[name] ?? null;
    if (value === null) complete = false;
    return String(value);
  });
  return complete ? filled : null;
}
