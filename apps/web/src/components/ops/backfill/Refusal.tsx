import { OpsError } from "../data/problem";
import type { LeftOutOfRun } from "../data/schema.generated";
import { JobLink } from "../shared/JobLink";
import { LeftOutList } from "./LeftOutList";

/** Why the console refused to start something: its sentence, who was skipped and why, the job in the way. */
export function Refusal({ error }: { error: Error | null }) {
  if (error === null) return null;
  const { leftOut, jobId } = detailsOf(error);
  return (
    <div role="alert" className="space-y-1 rounded-md border border-destructive/50 p-3 text-sm">
      <p className="break-words">
        <bdi>{error.message}</bdi>
        {jobId !== null && leftOut.length === 0 && (
          <>
            {" "}
            <JobLink id={jobId}>Job {jobId}</JobLink>
          </>
        )}
      </p>
      <LeftOutList leftOut={leftOut} />
    </div>
  );
}

function detailsOf(error: Error): { leftOut: LeftOutOfRun[]; jobId: number | null } {
  const body = error instanceof OpsError ? error.body : {};
  const jobId = body.job_id;
  return {
    leftOut: Array.isArray(body.left_out) ? (body.left_out as LeftOutOfRun[]) : [],
    jobId: typeof jobId === "number" ? jobId : null,
  };
}
