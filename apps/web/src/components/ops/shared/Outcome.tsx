"use client";

import { Button } from "@/components/ui/button";
import { plural } from "../data/formatting";
import type { Accepted } from "../data/schema.generated";
import { useRunProgress } from "../data/useRunProgress";
import { ErrorText } from "./ErrorText";
import { JobLink } from "./JobLink";
import { ProgressBar } from "./ProgressBar";
import { StatusBadge } from "./StatusBadge";

/** More would bury the page; the run has them all. */
const LINKS = 5;

function Jobs({ title, ids }: { title: string; ids: readonly number[] }) {
  if (ids.length === 0) return null;
  return (
    <p className="flex flex-wrap gap-x-2 text-sm">
      {title}
      {ids.slice(0, LINKS).map((id) => (
        <JobLink key={id} id={id} />
      ))}
      {ids.length > LINKS ? <span>and {plural(ids.length - LINKS, "more", "more")}</span> : null}
    </p>
  );
}

type Props = {
  accepted: Accepted;
  /** What was started, for the bar: `Backfill of all identities`. */
  label: string;
  onClose?: () => void;
};

/** What an action has started: a sentence, links to its jobs, its progress until it ends, and what was skipped. */
export function Outcome({ accepted, label, onClose }: Props) {
  const run = useRunProgress(accepted.job_id);
  const { data } = run;
  const skipped = accepted.left_out;
  return (
    <section aria-label={label} className="grid gap-2 rounded-md border bg-muted/40 p-3">
      <div className="flex items-start justify-between gap-3">
        <p className="text-sm font-medium">{accepted.message}</p>
        {onClose ? (
          <Button type="button" variant="ghost" size="sm" onClick={onClose}>
            Close
          </Button>
        ) : null}
      </div>
      <Jobs title={accepted.jobs.length === 1 ? "Job" : "Jobs"} ids={accepted.jobs} />
      <Jobs title="Already active:" ids={accepted.already_active} />
      {data ? (
        <>
          <div>
            <StatusBadge
              status={data.status === "pending" && data.cancelling > 0 ? "cancelling" : data.status}
            />
          </div>
          {data.status === "pending" || data.progress ? (
            <ProgressBar progress={data.progress} label={label} active={data.status === "pending"} />
          ) : null}
          {typeof data.result?.error === "string" ? <ErrorText text={data.result.error} /> : null}
        </>
      ) : run.error ? (
        <p className="text-sm text-muted-foreground">Progress unknown. {run.error.message}</p>
      ) : null}
      {skipped.length > 0 ? (
        <details className="text-sm">
          <summary className="cursor-pointer">Skipped: {skipped.length}</summary>
          <ul className="mt-1 list-disc pl-5">
            {skipped.map((one, index) => (
              <li key={index} dir="auto" className="break-words">
                {one.reason} {typeof one.job_id === "number" ? <JobLink id={one.job_id} /> : null}
              </li>
            ))}
          </ul>
        </details>
      ) : null}
    </section>
  );
}
