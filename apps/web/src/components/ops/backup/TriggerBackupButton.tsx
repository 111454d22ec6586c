"use client";

import type { BackupStatus } from "../data/schema.generated";
import type { useRestoreTest, useTriggerBackup, Wanted } from "../data/useBackup";
import { ActionButton } from "../shared/ActionButton";
import { kindsOf, kindWord } from "./words";

interface Props {
  kind: Wanted;
  status: BackupStatus;
  trigger: ReturnType<typeof useTriggerBackup>;
}

/** Return why a backup can't be started now, or nothing. */
export function whyNoBackup(kind: Wanted, status: BackupStatus): string | undefined {
  const { running } = status;
  if (kind !== "all") {
    const state = status.kinds[kind];
    if (!state?.configured) return state?.problem ?? "Not set up.";
    const row = running.backups[kind];
    return row && `${kindWord(kind)} backup #${row.id} is running.`;
  }
  const possible = kindsOf(status).filter(([, state]) => state.configured);
  if (possible.length === 0) return status.problem ?? "Backups are not set up.";
  return possible.every(([name]) => running.backups[name]) ? "A backup is running." : undefined;
}

/** Starts a backup of one kind, or of all that are set up. */
export function TriggerBackupButton({ kind, status, trigger }: Props) {
  const reason = whyNoBackup(kind, status);
  return (
    <ActionButton
      size="sm"
      variant={kind === "all" ? "default" : "outline"}
      allowed={reason === undefined}
      reason={reason}
      pending={trigger.isPending && trigger.input?.kind === kind}
      onClick={() => trigger.mutate({ kind })}
    >
      {kind === "all" ? "Back up now" : `Back up ${kindWord(kind).toLowerCase()}`}
    </ActionButton>
  );
}

/** Return why nothing can be tested now, or nothing. */
export function whyNoTest(status: BackupStatus, problem: string | null | undefined): string | undefined {
  if (problem) return problem;
  const kinds = kindsOf(status);
  const testable = kinds.filter(([kind, state]) => state.in_core || status.last_backup[kind]);
  if (testable.length === 0) return "No backup to test yet. Back up first.";
  return testable.every(([kind]) => status.running.restore_tests[kind])
    ? "A restore test is running."
    : undefined;
}

interface TestProps {
  status: BackupStatus;
  /** Why this installation can't test restores. */
  problem: string | null | undefined;
  test: ReturnType<typeof useRestoreTest>;
}

/** Restores the newest backup of each kind into a scratch place and compares it. */
export function RestoreTestButton({ status, problem, test }: TestProps) {
  const reason = whyNoTest(status, problem);
  return (
    <ActionButton
      size="sm"
      variant="outline"
      allowed={reason === undefined}
      reason={reason}
      pending={test.isPending}
      onClick={() => test.mutate({})}
    >
      Test restore
    </ActionButton>
  );
}
