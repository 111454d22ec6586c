import { formatBytes, formatDuration } from "../data/formatting";
import type { Backup, RestoreTest } from "../data/schema.generated";
import { ErrorText } from "../shared/ErrorText";
import { JobLink } from "../shared/JobLink";
import { StatusBadge } from "../shared/StatusBadge";
import { Time } from "../shared/Time";
import { RestoreChecks } from "./RestoreChecks";
import { checksWords, fileWords, kindWord, triggerWord } from "./words";

const CELL =
  "px-2 py-2 align-top [overflow-wrap:anywhere] max-md:flex max-md:gap-2 max-md:px-0 max-md:py-0.5";

interface Props {
  row: Backup | RestoreTest;
  inCore: boolean;
}

/** A backup or a restore test as a row; on narrow screens each cell names itself. */
export function HistoryRow({ row, inCore }: Props) {
  const who =
    row.requested_by === null
      ? triggerWord(row.trigger)
      : `${triggerWord(row.trigger)} · ${row.requested_by}`;
  const what = `${row.type === "backup" ? `${kindWord(row.kind)} backup` : "Restore test"} #${row.id}`;
  return (
    <tr role="row" className="border-t max-md:block max-md:py-2">
      <th role="rowheader" scope="row" className={`${CELL} text-left font-medium`}>
        {what}
      </th>
      <td role="cell" className={CELL}>
        <StatusBadge status={row.status} />
      </td>
      <td role="cell" className={CELL}>
        <Label>Started</Label>
        <span>
          <Time
            className="whitespace-nowrap"
            value={row.started_at}
            text={row.started_at_text}
            fallback="Unknown"
          />
          {row.duration_seconds !== null && (
            <span className="whitespace-nowrap text-muted-foreground">
              {" "}
              · took {formatDuration(row.duration_seconds * 1_000)}
            </span>
          )}
        </span>
      </td>
      <td role="cell" className={CELL}>
        <Label>Result</Label>
        <div className="min-w-0">
          {row.type === "backup" ? <BackupResult backup={row} inCore={inCore} /> : <TestResult test={row} />}
          {row.error !== null && <ErrorText text={row.error} cut={row.error_cut} name={`error of ${what}`} />}
        </div>
      </td>
      <td role="cell" className={CELL}>
        <Label>Started by</Label>
        <span className="min-w-0">
          {who}{" "}
          {row.job_id !== null && (
            <span className="whitespace-nowrap">
              <JobLink id={row.job_id}>Job #{row.job_id}</JobLink>
            </span>
          )}
        </span>
      </td>
    </tr>
  );
}

function Label({ children }: { children: string }) {
  // Assistive technology reads the column's heading; this is for eyes on a narrow screen.
  return (
    <span aria-hidden="true" className="shrink-0 text-muted-foreground md:hidden">
      {children}
    </span>
  );
}

function BackupResult({ backup, inCore }: { backup: Backup; inCore: boolean }) {
  if (backup.status !== "succeeded") return null;
  return (
    <>
      {backup.size_bytes === null ? "Size unknown" : formatBytes(backup.size_bytes)} ·{" "}
      {fileWords(backup.file, inCore)}
      {(backup.removed_at !== null || backup.removed_at_text) && (
        <>
          {" "}
          <Time value={backup.removed_at} text={backup.removed_at_text} />
        </>
      )}
      {backup.verified_by !== null && (
        <span className="text-muted-foreground"> · restore test #{backup.verified_by.id}</span>
      )}
    </>
  );
}

function TestResult({ test }: { test: RestoreTest }) {
  const what =
    test.backup_run_id === null ? "Unknown backup" : `${kindWord(test.kind)} backup #${test.backup_run_id}`;
  if (test.status === "running") return <>{what}</>;
  return (
    <>
      {what} · {checksWords(test)}
      {test.status !== "passed" && test.checks.length > 0 && <RestoreChecks test={test} />}
    </>
  );
}
