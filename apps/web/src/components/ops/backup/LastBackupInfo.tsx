import type { ReactNode } from "react";

import { formatBytes, formatDuration } from "../data/formatting";
import type { Backup, BackupKind, BackupStatus, KindState } from "../data/schema.generated";
import { Countdown } from "../shared/Countdown";
import { ErrorText } from "../shared/ErrorText";
import { StatusBadge } from "../shared/StatusBadge";
import { Time } from "../shared/Time";
import { RunningRow } from "./RunningRow";
import { SizeTrend } from "./SizeTrend";
import { fileWords, kindWord, noNext, outcomeWord, triggerWord } from "./words";

interface Props {
  kind: BackupKind;
  state: KindState;
  status: BackupStatus;
  /** The button that makes a backup of this kind. */
  button: ReactNode;
}

/** The last backup of one kind: how large and old it is, whether its file is there and restores, and when the next one is due. */
export function LastBackupInfo({ kind, state, status, button }: Props) {
  const last = status.last_backup[kind];
  const attempt = status.last_attempt[kind];
  const running = status.running.backups[kind];
  const schedule = status.schedules[kind];
  const failed = attempt && attempt.status === "failed" && attempt.id !== last?.id ? attempt : null;
  const heading = `backup-${kind}`;
  return (
    <section aria-labelledby={heading} className="min-w-0 space-y-2 rounded-md border p-3 text-sm">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <h3 id={heading} className="font-semibold">
          {kindWord(kind)} backup
        </h3>
        {button}
      </div>
      {state.in_core && (
        <p className="text-muted-foreground">Made by the core, on its own schedule and storage.</p>
      )}
      {!state.configured && <p className="[overflow-wrap:anywhere]">Not set up. {state.problem}</p>}
      {last ? (
        <LastOne backup={last} inCore={state.in_core} />
      ) : (
        (state.configured || attempt) && <p className="font-semibold">No usable backup.</p>
      )}
      {running && <RunningRow row={running} />}
      {failed && (
        <div>
          <p className="flex flex-wrap items-center gap-2">
            Last attempt <StatusBadge status="failed" />{" "}
            <Time value={failed.completed_at} text={failed.completed_at_text} />
          </p>
          {failed.error !== null && (
            <ErrorText text={failed.error} cut={failed.error_cut} name={`error of backup ${failed.id}`} />
          )}
        </div>
      )}
      {state.configured && (
        <p className="text-muted-foreground">
          Next backup:{" "}
          {state.next_at === null ? (
            noNext(schedule, { inCore: state.in_core })
          ) : (
            <Countdown to={state.next_at} />
          )}
          {schedule?.schedule && ` (${schedule.schedule})`}
        </p>
      )}
      <SizeTrend kind={kind} points={status.trend[kind] ?? []} />
    </section>
  );
}

function LastOne({ backup, inCore }: { backup: Backup; inCore: boolean }) {
  const verified = backup.verified_by;
  const lost = backup.file === "missing" || backup.file === "unreachable";
  return (
    <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-3 gap-y-1">
      <dt className="text-muted-foreground">Last backup</dt>
      <dd>
        <Time value={backup.completed_at} text={backup.completed_at_text} fallback="Time unknown" />
        <span className="text-muted-foreground"> · #{backup.id}</span>
      </dd>
      <dt className="text-muted-foreground">Size</dt>
      <dd>{backup.size_bytes === null ? "Unknown" : formatBytes(backup.size_bytes)}</dd>
      <dt className="text-muted-foreground">File</dt>
      <dd className={lost ? "font-semibold text-destructive" : undefined}>
        {fileWords(backup.file, inCore)}
      </dd>
      <dt className="text-muted-foreground">Restore test</dt>
      <dd>
        {verified ? (
          <>
            {outcomeWord(verified.status)} · #{verified.id}, <Time value={verified.at} />
          </>
        ) : (
          "None"
        )}
      </dd>
      <dt className="text-muted-foreground">Started by</dt>
      <dd className="[overflow-wrap:anywhere]">
        {backup.requested_by === null
          ? triggerWord(backup.trigger)
          : `${triggerWord(backup.trigger)} · ${backup.requested_by}`}
        {backup.duration_seconds !== null && (
          <span className="text-muted-foreground">
            {" "}
            · took {formatDuration(backup.duration_seconds * 1_000)}
          </span>
        )}
      </dd>
    </dl>
  );
}
