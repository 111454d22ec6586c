"use client";

import { useId, useState } from "react";

import { Button } from "@/components/ui/button";

import { formatCount, plural } from "../data/formatting";
import type { RunSummary } from "../data/schema.generated";
import { isPending, useRun } from "../data/useRun";
import { ProgressBar } from "../shared/ProgressBar";
import { Time } from "../shared/Time";
import { CancelRun } from "./CancelRun";
import { LeftOutList } from "./LeftOutList";
import { RunBadge } from "./RunBadge";
import { RunJobs } from "./RunJobs";
import { RunResult } from "./RunResult";
import { endedJobs, runState } from "./runWords";

interface Props {
  id: string;
  /** The run as the list has it; absent right after the click that made it. */
  summary?: RunSummary;
  /** When the list was read, in the browser's milliseconds. */
  listedAt?: number;
  /** What the console said when it accepted the click. */
  message?: string;
  startsOpen?: boolean;
  /** Names of conversations that were just chosen; the run knows their ids only. */
  names?: ReadonlyMap<number, string>;
}

/** One run: how it stands, its bar until it ends, its jobs on demand, and what it brought at the end. */
export function RunCard({ id, summary, listedAt = 0, message, startsOpen = false, names }: Props) {
  const [open, setOpen] = useState(startsOpen);
  const [endedBefore] = useState(summary !== undefined && !isPending(summary));
  const detailsId = useId();
  const pendingAt = isPending(summary) ? listedAt : 0;
  // The list has no results and no jobs. A run that goes on shows its result when it ends; what had ended before the page
  // came waits for a click, so that nothing below moves by itself.
  const isWanted = open || summary === undefined || (!isPending(summary) && !endedBefore);
  const details = useRun(isWanted ? id : null, { pendingAt });
  const run = details.data ?? summary;
  if (run === undefined)
    return <Unread message={message} error={details.error} onRetry={() => void details.refetch()} />;
  const toggle = toggleWords(run, open, details.data !== undefined);
  // The bar of a run's only job is the run's own.
  const isSaidBelow = open && details.data?.jobs.length === 1 && details.data.jobs[0]?.status !== "queued";
  const uncovered = details.data?.conversations.filter((one) => one.covered_by === null).length ?? 0;
  return (
    <li className="space-y-2 rounded-md border p-3">
      <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <RunBadge state={runState(run)} />
        <h4 className="min-w-0 break-words text-sm font-medium">
          <bdi>{run.title}</bdi>
        </h4>
      </div>
      <p className="break-words text-xs text-muted-foreground">
        Requested by <bdi>{run.requested_by}</bdi>
      </p>
      <p className="text-xs text-muted-foreground">
        {run.job_count > 1 && `${formatCount(endedJobs(run))} of ${plural(run.job_count, "job")} ended · `}
        {/* Last, so that nothing moves when its age takes its place. */}
        <Time value={run.created_at} />
      </p>
      {message !== undefined && <p className="break-words text-sm">{message}</p>}
      {isPending(run) && !isSaidBelow && (
        <ProgressBar progress={run.progress} label={`Progress: ${run.title}`} />
      )}
      {details.data !== undefined && <RunResult result={details.data.result} />}
      {details.data !== undefined && <LeftOutList leftOut={details.data.left_out} />}
      {uncovered > 0 && (
        <p className="text-sm">{plural(uncovered, "conversation")} not covered by any job.</p>
      )}
      {details.error !== null && (
        <p role="alert" className="text-sm text-destructive">
          {details.error.message}{" "}
          <Button type="button" variant="outline" size="sm" onClick={() => void details.refetch()}>
            Try again
          </Button>
        </p>
      )}
      <div className="flex flex-wrap gap-2">
        <Button
          type="button"
          variant="outline"
          size="sm"
          aria-expanded={open}
          aria-controls={open ? detailsId : undefined}
          aria-label={`${toggle} of ${run.title}`}
          onClick={() => setOpen(!open)}
        >
          {toggle}
        </Button>
        <CancelRun run={run} />
      </div>
      {open && (
        <div id={detailsId}>
          {details.data !== undefined && <RunJobs run={details.data} names={names} />}
          {details.data === undefined && details.error === null && <p className="text-sm">Loading jobs…</p>}
        </div>
      )}
    </li>
  );
}

function toggleWords(run: RunSummary, open: boolean, hasResult: boolean): string {
  if (open) return "Hide jobs";
  return isPending(run) || hasResult ? `Show ${plural(run.job_count, "job")}` : "Show result";
}

function Unread({ message, error, onRetry }: { message?: string; error: Error | null; onRetry: () => void }) {
  return (
    <li className="space-y-2 rounded-md border p-3 text-sm">
      {message !== undefined && <p className="break-words">{message}</p>}
      {error === null ? (
        <p className="text-muted-foreground">Loading the run…</p>
      ) : (
        <p role="alert" className="break-words text-destructive">
          {error.message}{" "}
          <Button type="button" variant="outline" size="sm" onClick={onRetry}>
            Try again
          </Button>
        </p>
      )}
    </li>
  );
}
