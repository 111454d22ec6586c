"use client";

import { useState } from "react";

import { formatCount } from "../data/formatting";
import { useRunProgress } from "../data/useRunProgress";
import { JobLink } from "../shared/JobLink";
import { ProgressBar } from "../shared/ProgressBar";
import { StatusBadge } from "../shared/StatusBadge";
import { Time } from "../shared/Time";
import { useJobActions } from "./actions";
import { statusWord } from "./words";

/** More would bury the job. */
const LINKS = 20;

/** Leads from a row to its job's sheet with the run unfolded: runs have no page of their own here. */
export function RunLink({ id, jobId }: { id: string; jobId: number }) {
  const { showRunOf } = useJobActions();
  return (
    <span onClick={() => showRunOf(jobId)}>
      <JobLink id={jobId}>
        Run {id.slice(0, 8)}
        <span className="sr-only"> of #{jobId}</span>
      </JobLink>
    </span>
  );
}

/** The run that a job belongs to, folded; asked for when it is opened. */
export function JobRun({ id, jobId }: { id: string; jobId: number }) {
  const { runOf } = useJobActions();
  const [open, setOpen] = useState(runOf === jobId);
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className="cursor-pointer">
        Run <code>{id.slice(0, 8)}</code>
      </summary>
      {open && <RunFacts id={id} jobId={jobId} />}
    </details>
  );
}

function RunFacts({ id, jobId }: { id: string; jobId: number }) {
  const { data: run, error } = useRunProgress(id);
  if (!run) return <p role="status">{error instanceof Error ? error.message : "Loading run"}</p>;
  const others = run.jobs.filter((job) => job.id !== jobId);
  return (
    <div className="mt-1 grid gap-1 rounded-md border p-2">
      <p className="flex flex-wrap items-center gap-2">
        <bdi className="[overflow-wrap:anywhere]">{run.title}</bdi>
        <StatusBadge status={run.status} />
      </p>
      <p className="text-muted-foreground">
        Requested by <bdi>{run.requested_by}</bdi> <Time value={run.created_at} />
      </p>
      <p>
        {Object.entries(run.by_status)
          .map(([status, n]) => `${formatCount(n)} ${statusWord(status).toLowerCase()}`)
          .join(", ")}
      </p>
      {run.status === "pending" && <ProgressBar progress={run.progress} label={run.title} />}
      {others.length > 0 && (
        <p className="flex flex-wrap gap-x-2">
          Other jobs:
          {others.slice(0, LINKS).map((job) => (
            <JobLink key={job.id} id={job.id} />
          ))}
          {run.job_count - 1 > LINKS && <span>and {formatCount(run.job_count - 1 - LINKS)} more</span>}
        </p>
      )}
    </div>
  );
}
