"use client";

import type { OpsError } from "../data/problem";
import type { Accepted } from "../data/schema.generated";
import { JobLink } from "../shared/JobLink";
import { Outcome } from "../shared/Outcome";

interface Action {
  data: Accepted | undefined;
  error: OpsError | null;
  reset: () => void;
}

/** What the last click of a button came to: what it started, with its progress, or why the console refused. */
export function ActionResult({ of: action, label }: { of: Action; label: string }) {
  if (action.data) return <Outcome accepted={action.data} label={label} onClose={action.reset} />;
  if (!action.error) return null;
  const job = action.error.body.job_id;
  return (
    <p role="alert" className="text-sm [overflow-wrap:anywhere] text-destructive">
      {action.error.message} {typeof job === "number" && <JobLink id={job}>Open job #{job}</JobLink>}
    </p>
  );
}
