"use client";

import type { ReactNode } from "react";

import { formatDuration } from "../data/formatting";
import type { Attempt, JobDetails } from "../data/schema.generated";
import { ErrorText } from "../shared/ErrorText";
import { StatusBadge } from "../shared/StatusBadge";
import { Time } from "../shared/Time";
import { FoldedText } from "./FoldedText";

/** The attempts that the console made, the newest first: when, where, how long, and what came of each. */
export function Attempts({ job }: { job: JobDetails }) {
  const attempts = [...job.attempts_history].sort((one, other) => other.id - one.id);
  if (attempts.length === 0) {
    return (
      <p className="text-sm text-muted-foreground">
        No attempts by this console. Its worker writes the ledger itself.
      </p>
    );
  }
  return (
    <ol className="grid gap-3 border-l pl-4">
      {attempts.map((attempt, index) => (
        <li key={attempt.id} className="grid gap-1 text-sm">
          <p className="flex flex-wrap items-center gap-2">
            <span className="font-medium">Attempt {attempts.length - index}</span>
            <Outcome attempt={attempt} />
          </p>
          <Times attempt={attempt} />
          <p className="text-muted-foreground [overflow-wrap:anywhere]">
            {attempt.worker ? <>Worker {attempt.worker}</> : "Worker not known"} · queue {attempt.queue} ·
            requested by <bdi>{attempt.requested_by}</bdi> ({attempt.via})
          </p>
          {attempt.publish_error && (
            <>
              <p>Not sent to the broker:</p>
              <ErrorText text={attempt.publish_error} cut={attempt.publish_error_cut} name="broker error" />
            </>
          )}
          <ErrorText
            text={attempt.error}
            cut={attempt.error_cut}
            name={`error of attempt ${attempts.length - index}`}
          />
          {attempt.traceback && (
            <FoldedText
              text={attempt.traceback}
              title={attempt.traceback_cut ? "Traceback (shortened)" : "Traceback"}
              copy
            />
          )}
          {attempt.result !== null && attempt.result !== undefined && (
            <FoldedText text={JSON.stringify(attempt.result, null, 2)} title="Result" />
          )}
        </li>
      ))}
    </ol>
  );
}

const OUTCOMES: Readonly<Record<string, [badge: string, words: string]>> = {
  partial: ["retrying", "Done with errors"],
  skipped: ["cancelled", "Skipped"],
  unknown: ["unknown", "Outcome unknown"],
  superseded: ["cancelled", "Superseded"],
};

function Outcome({ attempt }: { attempt: Attempt }) {
  if (attempt.outcome !== null) {
    const [badge, words] = OUTCOMES[attempt.outcome] ?? [attempt.outcome, undefined];
    return <StatusBadge status={badge}>{words}</StatusBadge>;
  }
  if (attempt.cancel_requested_at !== null) return <StatusBadge status="cancelling" />;
  if (attempt.retrying_since !== null) return <StatusBadge status="retrying" />;
  return <StatusBadge status={attempt.started_at === null ? "queued" : "running"} />;
}

function Times({ attempt }: { attempt: Attempt }) {
  const { wait_ms, run_ms } = attempt;
  const steps: [string, string | null][] = [
    ["Dispatched", attempt.dispatched_at],
    ["Started", attempt.started_at],
    ["Cancel requested", attempt.cancel_requested_at],
    ["Retrying since", attempt.retrying_since],
    ["Ended", attempt.ended_at],
    ["Task returned", attempt.returned_at],
  ];
  return (
    <dl className="flex flex-wrap gap-x-4">
      {steps.map(([name, at]) => at !== null && <Step key={name} name={name} value={<Time value={at} />} />)}
      {wait_ms !== null && <Step name="Waited" value={formatDuration(wait_ms)} />}
      {run_ms !== null && <Step name="Ran" value={formatDuration(run_ms)} />}
      {attempt.publications > 1 && <Step name="Sent" value={`${attempt.publications} times`} />}
    </dl>
  );
}

function Step({ name, value }: { name: string; value: ReactNode }) {
  return (
    <div className="flex gap-1">
      <dt className="text-muted-foreground">{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
