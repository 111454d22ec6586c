import { formatCount } from "../data/formatting";
import type { ActiveJob as Job } from "../data/schema.generated";
import { JobLink } from "../shared/JobLink";
import { ProgressBar } from "../shared/ProgressBar";
import { StatusBadge } from "../shared/StatusBadge";
import { Time } from "../shared/Time";

/** The job of an identity that runs, or is the next to run, and how many more wait. */
export function ActiveJob({ job, waiting, name }: { job: Job; waiting: number; name: string }) {
  return (
    <div className="mt-2 rounded-md border bg-muted/40 p-2 text-sm">
      <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <JobLink id={job.id}>
          {job.title} #{job.id}
        </JobLink>
        <StatusBadge status={job.cancel_requested_at === null ? job.status : "cancelling"} />
        {job.since !== null && (
          <span className="text-muted-foreground">
            since <Time value={job.since} />
          </span>
        )}
        {waiting > 0 && <span className="text-muted-foreground">{formatCount(waiting)} more waiting</span>}
      </p>
      {job.waits_for !== null && (
        <p className="text-muted-foreground">
          Waits for job <JobLink id={job.waits_for} />.
        </p>
      )}
      {job.status === "running" && <ProgressBar progress={job.progress} label={`${job.title} of ${name}`} />}
    </div>
  );
}
