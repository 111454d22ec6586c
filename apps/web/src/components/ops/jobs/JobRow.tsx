"use client";

import { Fragment, memo } from "react";

import type { Job } from "../data/schema.generated";
import { ErrorText } from "../shared/ErrorText";
import { JobLink } from "../shared/JobLink";
import { StatusBadge } from "../shared/StatusBadge";
import { Time } from "../shared/Time";
import { isCurrent, useJobActions } from "./actions";
import { JobButtons } from "./JobButtons";
import { RunLink } from "./JobRun";
import { JobTiming, NextAttempt } from "./JobTiming";
import { conversationOf, statusWord } from "./words";

interface Props {
  job: Job;
  /** The status that the list is filtered by, when this job no longer matches the filter. */
  left?: string | null;
}

// A table at wide widths, a card below; the roles keep it a table for screen readers whatever `display` says.
const CELL = "block min-w-0 px-2 py-1 align-top max-xl:empty:hidden xl:table-cell xl:py-3";
const WIDE = `${CELL} sm:col-span-3`;

/** One job: plain elements, since there are many. */
export const JobRow = memo(function JobRow({ job, left }: Props) {
  const { notes } = useJobActions();
  const note = notes.get(job.id);
  return (
    <tr
      role="row"
      data-job={job.id}
      className="grid border-b py-2 last:border-b-0 hover:bg-muted/40 sm:grid-cols-3 xl:table-row xl:py-0"
    >
      <td role="cell" className={WIDE}>
        <StatusBadge status={job.status} />
        {left !== undefined && <LeftList job={job} status={left} />}
        {job.cancel_requested_at !== null && <StatusBadge status="cancelling" className="mt-1" />}
        {job.stuck && <StatusBadge status="stuck" className="mt-1" />}
      </td>
      {/* Links under each other need 24 px for a finger. */}
      <td role="cell" className={`${WIDE} [&_a]:inline-block [&_a]:py-0.5`}>
        <JobLink id={job.id}>
          <TypeName type={job.job_type} />
          <span className="sr-only"> job {job.id}</span>
        </JobLink>
        <Where job={job} />
        {job.waits_for !== null && (
          <p className="mt-1 text-sm">
            Waits for <JobLink id={job.waits_for}>job #{job.waits_for}</JobLink>
          </p>
        )}
      </td>
      <td role="cell" className={`${CELL} text-sm tabular-nums`}>
        <span className="text-muted-foreground xl:sr-only">Attempts </span>
        {job.attempts}/{job.max_attempts}
        <NextAttempt job={job} />
      </td>
      <td role="cell" className={`${CELL} text-sm`}>
        <span className="mr-2 inline-block xl:block">
          <span className="text-muted-foreground">Created </span>
          <Time value={job.created_at} text={job.created_at_text} />
        </span>
        <span className="inline-block xl:block">
          <span className="text-muted-foreground">Updated </span>
          <Time value={job.updated_at} text={job.updated_at_text} />
        </span>
      </td>
      <td role="cell" className={`${CELL} text-sm`}>
        <JobTiming job={job} />
      </td>
      <td role="cell" className={`${WIDE} text-sm`}>
        {job.stuck_reason !== null && <p className="[overflow-wrap:anywhere]">{job.stuck_reason}</p>}
        <ErrorText text={job.last_error} cut={job.last_error_cut} name={`error of job ${job.id}`} />
        <RetryWarnings job={job} />
        {isCurrent(note, job) && (
          <p className={note.tone === "refused" ? "mt-1 text-destructive" : "mt-1"} dir="auto">
            {note.text}
          </p>
        )}
      </td>
      <td role="cell" className={WIDE}>
        <JobButtons job={job} />
      </td>
    </tr>
  );
});

/** Whom and what the job is about, and who requested it. */
function Where({ job }: { job: Job }) {
  const { hrefOfConversation } = useJobActions();
  const conversation = conversationOf(job);
  const inbox = conversation === null ? null : hrefOfConversation(conversation);
  return (
    <p className="flex flex-wrap gap-x-2 text-sm text-muted-foreground">
      <span className="tabular-nums">#{job.id}</span>
      {job.identity && (
        <bdi className="max-w-full [overflow-wrap:anywhere]" title="Identity">
          {job.identity.display_name}
        </bdi>
      )}
      {inbox && (
        <a className="underline underline-offset-2" href={inbox}>
          Conversation {conversation}
        </a>
      )}
      {job.run_id && <RunLink id={job.run_id} jobId={job.id} />}
    </p>
  );
}

/** Breaks at its dots and underscores, where it has to. */
function TypeName({ type }: { type: string }) {
  return (
    <span className="[overflow-wrap:anywhere]">
      {type.split(/(?<=[._])/).map((part, index) => (
        <Fragment key={index}>
          {index > 0 && <wbr />}
          {part}
        </Fragment>
      ))}
    </span>
  );
}

/** What a retry will run into. */
function RetryWarnings({ job }: { job: Job }) {
  const { may } = useJobActions();
  const warnings = job.can.warnings ?? [];
  if (!may.retry || !job.can.retry || warnings.length === 0) return null;
  return (
    <details className="mt-1">
      <summary className="cursor-pointer">Before you retry</summary>
      {warnings.map((warning) => (
        <p key={warning} dir="auto" className="[overflow-wrap:anywhere]">
          {warning}
        </p>
      ))}
    </details>
  );
}

function LeftList({ job, status }: { job: Job; status: string | null }) {
  const changed = status !== null && job.status !== status;
  return (
    <p className="mt-1 text-xs text-muted-foreground">
      {changed ? `Changed: no longer ${statusWord(status).toLowerCase()}` : "No longer matches the filters"}
    </p>
  );
}
