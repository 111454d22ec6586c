"use client";

import type { ReactNode } from "react";

import { formatDuration } from "../data/formatting";
import type { JobDetails } from "../data/schema.generated";
import { CopyButton } from "../shared/CopyButton";
import { JobLink } from "../shared/JobLink";
import { Time } from "../shared/Time";
import { useJobActions } from "./actions";
import { JobRun } from "./JobRun";
import { conversationOf, handedOverText } from "./words";

/** Whom the job concerns, who requested it, and where it stands. */
export function JobFacts({ job }: { job: JobDetails }) {
  const { hrefOfConversation } = useJobActions();
  const conversation = conversationOf(job);
  const inbox = conversation === null ? null : hrefOfConversation(conversation);
  const handedOver = handedOverText(job.handed_over);
  return (
    <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1 text-sm">
      {job.identity && (
        <Fact name="Identity">
          <bdi className="[overflow-wrap:anywhere]">{job.identity.display_name}</bdi>
        </Fact>
      )}
      {inbox && (
        <Fact name="Conversation">
          <a className="underline underline-offset-2" href={inbox}>
            Conversation {conversation}
          </a>
        </Fact>
      )}
      <Fact name="Requested by">
        {job.requested_by === null ? "Unknown: queued outside this console" : <bdi>{job.requested_by}</bdi>}
      </Fact>
      {job.run_id && (
        <Fact name="Run">
          <JobRun id={job.run_id} jobId={job.id} />
        </Fact>
      )}
      {job.waits_for !== null && (
        <Fact name="Waits for">
          <JobLink id={job.waits_for}>job #{job.waits_for}</JobLink>
        </Fact>
      )}
      <Fact name="Attempts">
        {job.attempts}/{job.max_attempts}
      </Fact>
      {job.duration_ms !== null && <Fact name="Last duration">{formatDuration(job.duration_ms)}</Fact>}
      <Fact name="Created">
        <Time value={job.created_at} text={job.created_at_text} />
      </Fact>
      <Fact name="Updated">
        <Time value={job.updated_at} text={job.updated_at_text} />
      </Fact>
      <Fact name="Queue">{job.queue_name}</Fact>
      {handedOver && <Fact name="Worker">{handedOver}</Fact>}
      {job.task_id && (
        <Fact name="Task id">
          <code className="[overflow-wrap:anywhere]">{job.task_id}</code>{" "}
          <CopyButton text={job.task_id} label="Copy task id" />
        </Fact>
      )}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted-foreground">{name}</dt>
      <dd className="min-w-0 [overflow-wrap:anywhere]">{children}</dd>
    </>
  );
}
