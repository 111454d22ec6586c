import type { ReactNode } from "react";

import { formatDuration } from "../data/formatting";
import type { BackupStatus, RestoreTest } from "../data/schema.generated";
import { Countdown } from "../shared/Countdown";
import { ErrorText } from "../shared/ErrorText";
import { StatusBadge } from "../shared/StatusBadge";
import { Time } from "../shared/Time";
import { RestoreChecks } from "./RestoreChecks";
import { RunningRow } from "./RunningRow";
import { kindsOf, kindWord, noNext, outcomeWord } from "./words";

/** Whether the last backups of each kind restore, by the last restore tests, and when the next test is due. */
export function RestoreTestResult({ status, button }: { status: BackupStatus; button: ReactNode }) {
  const schedule = status.schedules.restore_test;
  const kinds = kindsOf(status).map(([kind]) => kind);
  const tested = kinds.filter(
    (kind) => status.last_restore_tests[kind] || status.running.restore_tests[kind],
  );
  return (
    <section aria-labelledby="restore-tests" className="space-y-2 rounded-md border p-3 text-sm">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <h3 id="restore-tests" className="font-semibold">
          Restore tests
        </h3>
        {button}
      </div>
      {tested.length === 0 && <p>No restore test yet. A backup is proven only once it restores.</p>}
      <div className="grid gap-4 md:grid-cols-2">
        {tested.map((kind) => {
          const [test, running] = [status.last_restore_tests[kind], status.running.restore_tests[kind]];
          return (
            <div key={kind} className="min-w-0 space-y-1">
              {test && <LastTest test={test} passed={status.last_passed_restore_tests[kind]} />}
              {running && <RunningRow row={running} />}
            </div>
          );
        })}
      </div>
      <p className="text-muted-foreground">
        Next restore test:{" "}
        {status.next_restore_test_at === null ? (
          noNext(schedule)
        ) : (
          <Countdown to={status.next_restore_test_at} />
        )}
        {schedule?.schedule && ` (${schedule.schedule})`}
      </p>
    </section>
  );
}

function LastTest({ test, passed }: { test: RestoreTest; passed: RestoreTest | undefined }) {
  return (
    <>
      <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
        {kindWord(test.kind)} <StatusBadge status={test.status}>{outcomeWord(test.status)}</StatusBadge>
        <Time value={test.completed_at} text={test.completed_at_text} fallback="Time unknown" />
        <span className="text-muted-foreground">#{test.id}</span>
      </p>
      <p className="text-muted-foreground">
        {test.backup_run_id !== null && `Backup #${test.backup_run_id}`}
        {test.backup_age_seconds !== null &&
          `, ${formatDuration(test.backup_age_seconds * 1_000)} old when tested`}
        {test.restore_seconds !== null && ` · restored in ${formatDuration(test.restore_seconds * 1_000)}`}
        {test.attachments_sampled !== null &&
          test.attachments_sampled > 0 &&
          ` · ${test.attachments_verified ?? 0} of ${test.attachments_sampled} sampled attachments match`}
      </p>
      {test.status !== "passed" && (
        <p>
          {passed ? (
            <>
              Last passed: <Time value={passed.completed_at} text={passed.completed_at_text} />, #{passed.id}
            </>
          ) : (
            "None has passed."
          )}
        </p>
      )}
      {test.error !== null && (
        <ErrorText text={test.error} cut={test.error_cut} name={`error of restore test ${test.id}`} />
      )}
      <RestoreChecks test={test} />
    </>
  );
}
