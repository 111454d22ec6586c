"use client";

import { useId, useState } from "react";

import type { Job } from "../data/schema.generated";
import { useJob } from "../data/useJob";
import type { JobAction } from "../data/useJobActions";
import { ConfirmDialogContent } from "../shared/ConfirmDialogContent";
import { useJobActions, WORDS, type ActionKind } from "./actions";
import { consequence } from "./consequences";
import { Reason } from "./Reason";
import { statusWord } from "./words";

interface Props {
  kind: ActionKind;
  /** The job as it was when the dialog opened. */
  job: Job;
  /** Why the API wants a confirmation, where it has said so. */
  sentence?: string;
  pending: boolean;
  onAct: (action: JobAction) => Promise<string | null>;
  onClose: () => void;
}

/** The one dialog of the table: says what the action does before it is taken. */
export function JobDialog({ kind, job, sentence, pending, onAct, onClose }: Props) {
  const { deleteUrlOf } = useJobActions();
  // The job may change while the dialog is open, and may not be in the list.
  const now: Job = useJob(job.id).data ?? job;
  const [reason, setReason] = useState("");
  const [missing, setMissing] = useState(false);
  const [refusal, setRefusal] = useState<string | null>(null);
  const reasonId = useId();
  const blocked = whyNot(kind, job, now);
  const isHarsh = kind === "cancel" || kind === "terminate";

  const submit = async () => {
    const given = reason.trim();
    if (blocked !== null || pending) return;
    if (kind === "fail" && !given) {
      setMissing(true);
      document.getElementById(reasonId)?.focus();
      return;
    }
    setRefusal(await onAct(actionOf(kind, job, given, deleteUrlOf(job))));
  };

  return (
    <ConfirmDialogContent
      open
      onOpenChange={(open) => !open && onClose()}
      action={WORDS[kind]}
      onConfirm={() => void submit()}
      pending={pending}
      destructive={kind !== "retry"}
      blocked={blocked}
      error={refusal}
      closeLabel={isHarsh ? "Keep job" : "Close"}
    >
      <p className="[overflow-wrap:anywhere]">
        <span className="font-medium text-foreground">{job.job_type}</span> #{job.id}
        {job.identity && (
          <>
            {" · "}
            <bdi>{job.identity.display_name}</bdi>
          </>
        )}
      </p>
      <p>{sentence ?? consequence(kind, job)}</p>
      {now.status !== job.status && (
        <p role="alert" className="font-medium text-foreground">
          This job changed: {statusWord(job.status)} → {statusWord(now.status)}.
        </p>
      )}
      {kind === "retry" && job.can.warnings?.map((warning) => <p key={warning}>{warning}</p>)}
      {kind !== "delete" && (
        <form
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            void submit();
          }}
        >
          <Reason
            id={reasonId}
            value={reason}
            onChange={setReason}
            required={kind === "fail"}
            missing={missing && !reason.trim()}
            hint={kind === "fail" ? "Required. Becomes the job’s error." : "Optional. Kept in the audit log."}
          />
        </form>
      )}
    </ConfirmDialogContent>
  );
}

function actionOf(kind: ActionKind, job: Job, reason: string, url: string | null): JobAction {
  switch (kind) {
    case "retry":
      return { kind, job, reason, confirm: true };
    case "delete":
      return { kind, job, url: url ?? "" };
    default:
      return { kind, job, reason };
  }
}

/** Why the action isn't possible any more, or null. */
function whyNot(kind: ActionKind, before: Job, now: Job): string | null {
  if (kind === "delete") return now.status === "failed" ? null : `This job is ${now.status} now.`;
  if (now.can[kind]) return null;
  if (now.status !== before.status) return `This job is ${now.status} now.`;
  return now.can.reason ?? "This can’t be done now.";
}
