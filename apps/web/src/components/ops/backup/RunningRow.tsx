import type { Backup, RestoreTest } from "../data/schema.generated";
import { JobLink } from "../shared/JobLink";
import { ProgressBar } from "../shared/ProgressBar";
import { StatusBadge } from "../shared/StatusBadge";
import { Time } from "../shared/Time";
import { kindWord } from "./words";

/** A backup or a restore test that is under way, with its progress and its job. */
export function RunningRow({ row }: { row: Backup | RestoreTest }) {
  const what = row.type === "backup" ? `${kindWord(row.kind)} backup #${row.id}` : `Restore test #${row.id}`;
  return (
    <div className="rounded-md border bg-muted/40 p-2 text-sm">
      <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <span className="font-medium">{what}</span>
        <StatusBadge status="running" />
        <span className="text-muted-foreground">
          since <Time value={row.started_at} text={row.started_at_text} fallback="an unknown time" />
        </span>
        {row.job_id !== null && <JobLink id={row.job_id}>Job #{row.job_id}</JobLink>}
      </p>
      <ProgressBar progress={row.progress} label={what} />
    </div>
  );
}
