"use client";

import { BackupHealth } from "./backup/BackupHealth";
import { BackupHistory } from "./backup/BackupHistory";
import { LastBackupInfo } from "./backup/LastBackupInfo";
import { RestoreTestResult } from "./backup/RestoreTestResult";
import { RestoreTestButton, TriggerBackupButton } from "./backup/TriggerBackupButton";
import { kindsOf } from "./backup/words";
import type { BackupStatus } from "./data/schema.generated";
import { useBackupStatus, useRestoreTest, useTriggerBackup } from "./data/useBackup";
import { useMeta } from "./data/useMeta";
import { PanelFrame } from "./shared/PanelFrame";
import { ActionResult } from "./sync/ActionResult";

/** The last backups and restore tests, whether they are in order, and the buttons that start new ones. */
export function BackupPanel() {
  const status = useBackupStatus();
  const trigger = useTriggerBackup();
  const meta = useMeta().data;
  return (
    <PanelFrame
      title="Backups"
      id="backups"
      query={status}
      actions={
        meta?.may.backup && status.data?.configured ? (
          <TriggerBackupButton kind="all" status={status.data} trigger={trigger} />
        ) : undefined
      }
    >
      {(data) => <Backups status={data} trigger={trigger} />}
    </PanelFrame>
  );
}

interface Props {
  status: BackupStatus;
  trigger: ReturnType<typeof useTriggerBackup>;
}

function Backups({ status, trigger }: Props) {
  const meta = useMeta().data;
  const test = useRestoreTest();
  const kinds = kindsOf(status);
  const nothing = !status.configured && Object.keys(status.last_attempt).length === 0;
  return (
    <div className="space-y-4">
      <ActionResult of={trigger} label="Backup" />
      <ActionResult of={test} label="Restore test" />
      <BackupHealth status={status} />
      {!nothing && (
        <>
          <div className="grid gap-4 md:grid-cols-2">
            {kinds.map(([kind, state]) => (
              <LastBackupInfo
                key={kind}
                kind={kind}
                state={state}
                status={status}
                button={
                  meta?.may.backup &&
                  state.configured &&
                  kinds.length > 1 && <TriggerBackupButton kind={kind} status={status} trigger={trigger} />
                }
              />
            ))}
          </div>
          <RestoreTestResult
            status={status}
            button={
              meta?.may.restore_test && (
                <RestoreTestButton status={status} problem={meta.supports.restore_test.problem} test={test} />
              )
            }
          />
          <BackupHistory status={status} />
        </>
      )}
    </div>
  );
}
