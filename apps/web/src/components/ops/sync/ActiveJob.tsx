"use client";

import type { ActiveJob as Job } from "../data/schema.generated";
import { formatCount } from "../data/formatting";
import { useUrlState } from "../data/urlState";
import { ProgressBar } from "../shared/ProgressBar";
import { StatusBadge } from "../shared/StatusBadge";
import { Time } from "../shared/Time";

/** The job of an identity that runs, or is the next to run, and how many more wait. */
export function ActiveJob({ job, waiting, name }: { job: Job; waiting: number; name: string }) {
  const [, set] = useUrlState();
  return (
    <div className="mt-2 rounded-md border bg-muted/40 p-2 text-sm">
      <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <a
          href={`?job=${job.id}`}
          className="font-medium underline underline-offset-2"
          onClick={(event) => {
            if (event.metaKey || event.ctrlKey || event.shiftKey) return;
            event.preventDefault();
            set({ job: String(job.id) });
          }}
        >
          {job.title} <span className="sr-only">of {name}, </span>#{job.id}
        </a>
        <StatusBadge status={job.status} />
        {job.since !== null && (
          <span className="text-muted-foreground">
            since <Time value={job.since} />
          </span>
        )}
        {waiting > 0 && <span className="text-muted-foreground">{formatCount(waiting)} more waiting</span>}
      </p>
      {job.cancel_requested_at !== null && <p className="text-muted-foreground">Cancelling. The job stops within seconds.</p>}
      {job.waits_for !== null && <p className="text-muted-foreground">Waits for job #{job.waits_for}.</p>}
      {job.status === "running" && <ProgressBar progress={job.progress} label={`${job.title} of ${name}`} />}
    </div>
  );
}
