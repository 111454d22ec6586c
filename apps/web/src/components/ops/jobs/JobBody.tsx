"use client";

import type { ReactNode } from "react";

import { formatBytes } from "../data/formatting";
import type { JobDetails } from "../data/schema.generated";
import { CopyButton } from "../shared/CopyButton";
import { StatusBadge } from "../shared/StatusBadge";
import { Time } from "../shared/Time";
import { isCurrent, useJobActions } from "./actions";
import { Attempts } from "./Attempts";
import { FoldedText } from "./FoldedText";
import { JobButtons } from "./JobButtons";
import { JobFacts } from "./JobFacts";
import { JobTiming, NextAttempt } from "./JobTiming";

/** What the sheet shows of a job, in the order of an operator's questions: what, why, what can I do, what happened. */
export function JobBody({ job }: { job: JobDetails }) {
  const note = useJobActions().notes.get(job.id);
  return (
    <div className="space-y-6">
      <div className="space-y-3">
        <p className="flex flex-wrap items-center gap-2">
          <StatusBadge status={job.status} />
          <span className="text-sm text-muted-foreground">
            since <Time value={job.updated_at} text={job.updated_at_text} />
          </span>
          {job.stuck && <StatusBadge status="stuck" />}
          {job.cancel_requested_at !== null && (
            <span className="text-sm">
              Cancelling since <Time value={job.cancel_requested_at} />
            </span>
          )}
        </p>
        {job.stuck_reason && <p className="[overflow-wrap:anywhere]">{job.stuck_reason}</p>}
        <NextAttempt job={job} />
        {job.status === "running" && <JobTiming job={job} />}
        <JobButtons job={job} all />
        {job.can.reason && (
          <p className="text-sm text-muted-foreground [overflow-wrap:anywhere]">{job.can.reason}</p>
        )}
        {job.can.warnings?.map((warning) => (
          <p key={warning} className="text-sm [overflow-wrap:anywhere]">
            <span className="font-medium">Before you retry:</span> {warning}
          </p>
        ))}
        {isCurrent(note, job) && (
          <p className={note.tone === "refused" ? "text-destructive" : ""} dir="auto">
            {note.text}
          </p>
        )}
      </div>
      <ErrorSection job={job} />
      <JobFacts job={job} />
      <Section title="Attempts">
        <Attempts job={job} />
      </Section>
      <div className="space-y-2">
        <FoldedText heading open text={asJson(job.payload)} title="Payload" />
        {job.payload_cut && (
          <p className="text-sm text-muted-foreground">
            Too long to show{job.payload_size !== undefined && `: ${formatBytes(job.payload_size)}`}. Only its
            ids are shown.
          </p>
        )}
      </div>
      {job.result !== null && job.result !== undefined && (
        <FoldedText heading open text={asJson(job.result)} title="Result" />
      )}
      <Section title="About this type">
        <ul className="list-disc space-y-1 pl-5 text-sm">
          {job.type_facts.map((fact) => (
            <li key={fact}>{fact}</li>
          ))}
        </ul>
      </Section>
    </div>
  );
}

function ErrorSection({ job }: { job: JobDetails }) {
  if (!job.last_error && !job.traceback) return null;
  return (
    <Section
      title="Error"
      aside={<CopyButton text={job.last_error ?? job.traceback ?? ""} label="Copy error" showLabel />}
    >
      {job.last_error && (
        <pre
          dir="auto"
          tabIndex={0}
          aria-label="Error"
          className="max-h-80 overflow-auto text-sm whitespace-pre-wrap [overflow-wrap:anywhere]"
        >
          {job.last_error}
        </pre>
      )}
      {job.error_is_cut && (
        <p className="text-sm text-muted-foreground">Only the first 200,000 characters are shown.</p>
      )}
      {job.traceback && <FoldedText text={job.traceback} title="Traceback" copy />}
    </Section>
  );
}

export function Section({
  title,
  aside,
  children,
}: {
  title: string;
  aside?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section className="space-y-2">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <h3 className="font-semibold">{title}</h3>
        {aside}
      </div>
      {children}
    </section>
  );
}

function asJson(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? "";
}
