"use client";

import { useState } from "react";

import { Button } from "@/components/ui/button";

import { formatCount, plural } from "../data/formatting";
import type { Run, RunJob } from "../data/schema.generated";
import { ErrorText } from "../shared/ErrorText";
import { ProgressBar } from "../shared/ProgressBar";
import { StatusBadge } from "../shared/StatusBadge";
import { JobLink } from "../shared/JobLink";
import { RunBadge } from "./RunBadge";
import { isRunState, jobState } from "./runWords";

const SHOWN = 10;

interface Props {
  run: Run;
  names?: ReadonlyMap<number, string>;
}

/** The jobs of a run, each with its bar until it ends. Their order never changes. */
export function RunJobs({ run, names }: Props) {
  const [all, setAll] = useState(false);
  const jobs = all ? run.jobs : run.jobs.slice(0, SHOWN);
  if (run.jobs.length === 0) return <p className="text-sm text-muted-foreground">No jobs.</p>;
  return (
    <div className="space-y-2">
      <ul aria-label={`Jobs of ${run.title}`} className="divide-y rounded-md border">
        {jobs.map((job) => (
          <JobOfRun key={String(job.id)} job={job} run={run} names={names} />
        ))}
      </ul>
      {run.jobs.length > jobs.length && (
        <Button type="button" variant="outline" size="sm" onClick={() => setAll(true)}>
          Show all {formatCount(run.jobs.length)} jobs
        </Button>
      )}
    </div>
  );
}

function JobOfRun({ job, run, names }: Props & { job: RunJob }) {
  const state = jobState(job);
  const covered = run.conversations.filter((one) => one.covered_by === job.id);
  const active = ["running", "retrying", "queued"].includes(job.status);
  const notes = [
    job.joined ? "Already active, joined" : "",
    job.status === "gone" ? "No longer in the job list" : "",
  ].filter((note) => note !== "");
  return (
    <li className="space-y-1.5 px-3 py-2 text-sm">
      <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
        {isRunState(state) ? <RunBadge state={state} /> : <StatusBadge status={state} />}
        <bdi className="min-w-0 break-words font-medium">
          {job.identity?.display_name ?? job.job_type ?? "Unknown job"}
        </bdi>
        {job.status === "gone" ? <span>Job {job.id}</span> : <JobLink id={job.id}>Job {job.id}</JobLink>}
        {notes.map((note) => (
          <span key={note} className="text-xs text-muted-foreground">
            {note}
          </span>
        ))}
      </div>
      {covered.length > 0 && (
        <details className="text-xs">
          <summary className="cursor-pointer">Covers {plural(covered.length, "conversation")}</summary>
          <ul className="list-disc pl-5">
            {covered.map(({ conversation_id: id }) => (
              <li key={String(id)} className="break-words">
                <bdi>{names?.get(id) ?? `Conversation ${id}`}</bdi>
              </li>
            ))}
          </ul>
        </details>
      )}
      {job.waits_for !== null && active && (
        <p className="text-xs text-muted-foreground">
          Waits for <JobLink id={job.waits_for}>Job {job.waits_for}</JobLink>
        </p>
      )}
      {active && job.status !== "queued" && <ProgressBar progress={job.progress} label={labelOf(job)} />}
      {job.stuck && <p className="break-words text-xs">{job.stuck_reason ?? "Stuck."}</p>}
      <ErrorText text={job.last_error} cut={job.last_error_cut} name={`error of job ${job.id}`} />
    </li>
  );
}

function labelOf(job: RunJob): string {
  return `Progress of job ${job.id}`;
}
