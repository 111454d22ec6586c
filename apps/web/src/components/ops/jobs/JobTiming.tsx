"use client";

import type { Job } from "../data/schema.generated";
import { formatDuration } from "../data/formatting";
import { Countdown } from "../shared/Countdown";
import { ProgressBar } from "../shared/ProgressBar";
import { nextAttempt } from "./words";

/** How far a running job has come, or how long its newest attempt took. */
export function JobTiming({ job }: { job: Job }) {
  const took = job.duration_ms === null ? null : formatDuration(job.duration_ms);
  if (job.status === "running") {
    return (
      <>
        <ProgressBar progress={job.progress} label={`Progress of job ${job.id}`} />
        {took && <span className="text-muted-foreground tabular-nums">{took} so far</span>}
      </>
    );
  }
  if (took === null) return null;
  return (
    <span className="tabular-nums">
      <span className="text-muted-foreground xl:sr-only">Took </span>
      {took}
    </span>
  );
}

/** "Attempt 2 of 3 in 28 s", counting down; nothing when no time is set. */
export function NextAttempt({ job }: { job: Job }) {
  const what = nextAttempt(job);
  if (what === null || job.next_run_at === null) return null;
  return (
    <span className="block text-sm text-muted-foreground">
      {what} <Countdown to={job.next_run_at} />
    </span>
  );
}
