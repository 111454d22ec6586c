"use client";

import { useState } from "react";
import type { RunSummary } from "../data/schema.generated";
import { useMeta } from "../data/useMeta";
import { isPending, useCancelRun } from "../data/useRun";
import { ActionButton } from "../shared/ActionButton";
import { ConfirmDialog } from "../shared/ConfirmDialog";

const ACTION = "Cancel run";

/** Cancels a run, after asking once. Absent where the user may not cancel, and where nothing is left to cancel. */
export function CancelRun({ run }: { run: RunSummary }) {
  const [asking, setAsking] = useState(false);
  const meta = useMeta().data;
  const cancel = useCancelRun();
  const isOver = !isPending(run);
  // The button that was used stays: it has the focus.
  if (meta?.may.cancel !== true || (isOver && cancel.input === undefined)) return null;
  const reason = isOver
    ? "The run has ended."
    : !meta.supports.cancel
      ? "The core’s database has no status “cancelled”. Add it first."
      : activeJobs(run) <= run.cancelling
        ? "The run is being cancelled."
        : null;
  return (
    <>
      <ActionButton
        allowed={reason === null}
        reason={reason}
        pending={cancel.isPending}
        label={`${ACTION}: ${run.title}`}
        onClick={() => setAsking(true)}
      >
        {ACTION}
      </ActionButton>
      <ConfirmDialog
        action={ACTION}
        open={asking}
        onOpenChange={setAsking}
        destructive
        onConfirm={() => {
          setAsking(false);
          cancel.mutate(run.id);
        }}
      >
        <p>Cancels waiting jobs. Running tasks may still finish; their results are kept.</p>
        <p>Jobs that were active before this run go on.</p>
      </ConfirmDialog>
      {cancel.data !== undefined && (
        <p className="basis-full text-sm break-words">
          {[cancel.data.message, ...cancel.data.warnings].join(" ")}
        </p>
      )}
      {cancel.data !== undefined && cancel.data.refused.length > 0 && (
        <ul aria-label="Not cancelled" className="basis-full list-disc pl-5 text-sm">
          {cancel.data.refused.map((one) => (
            <li key={one.id} className="break-words">
              Job {one.id}: {one.detail}
            </li>
          ))}
        </ul>
      )}
      {cancel.error !== null && (
        <p role="alert" className="basis-full text-sm break-words text-destructive">
          {cancel.error.message}
        </p>
      )}
    </>
  );
}

function activeJobs(run: RunSummary): number {
  const { queued = 0, running = 0, retrying = 0 } = run.by_status;
  return queued + running + retrying;
}
