import { keepPreviousData, useQuery, type QueryClient } from "@tanstack/react-query";

import { ask, client } from "./client";
import { keys } from "./keys";
import { CALM_MS, pollWhile } from "./polling";
import type { BackupKind, BackupStatus } from "./schema.generated";
import { useAction } from "./useAction";

/** Whether a backup or a restore test is under way. */
export function isBackingUp(status: BackupStatus): boolean {
  return (
    Object.keys(status.running.backups).length > 0 || Object.keys(status.running.restore_tests).length > 0
  );
}

/** Return what changes whenever a row of the history does. */
function changes(status: BackupStatus): string {
  const { last_attempt, last_restore_tests, last_backup, running } = status;
  const rows = [last_attempt, last_restore_tests, last_backup, running.backups, running.restore_tests];
  return JSON.stringify(
    rows.map((byKind) => Object.values(byKind).map((row) => [row?.id, row?.status, row?.completed_at])),
  );
}

const ofHistory = keys.history().slice(0, -1);

/** How backups and restore tests are doing. The history is asked for again only when this says that it changed. */
export function useBackupStatus() {
  return useQuery({
    queryKey: keys.backup(),
    queryFn: async ({ signal, client: cache }: { signal: AbortSignal; client: QueryClient }) => {
      const before = cache.getQueryData<BackupStatus>(keys.backup());
      const status = await ask(client.GET("/ops/backup/status", { signal }));
      if (before && changes(before) !== changes(status))
        void cache.invalidateQueries({ queryKey: ofHistory });
      return status;
    },
    refetchInterval: pollWhile(isBackingUp, CALM_MS),
  });
}

export const HISTORY_ROWS = 10;

export interface HistoryFilter {
  page: number;
  type: string | null;
  kind: string | null;
}

/** One page of the backups and restore tests, newest first. */
export function useBackupHistory({ page, type, kind }: HistoryFilter) {
  return useQuery({
    queryKey: type || kind ? [...keys.history(page), type, kind] : keys.history(page),
    queryFn: ({ signal }) =>
      ask(
        client.GET("/ops/backup/history", {
          params: {
            query: {
              limit: HISTORY_ROWS,
              offset: (page - 1) * HISTORY_ROWS,
              ...(type ? { type } : {}),
              ...(kind ? { kind } : {}),
            },
          },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });
}

export type Wanted = BackupKind | "all";

/** Starts a backup of one kind, or of all that are set up and not running. */
export function useTriggerBackup() {
  return useAction({
    call: ({ kind }: { kind: Wanted }, key: string) =>
      ask(
        client.POST("/ops/backup/trigger", {
          params: { header: { "Idempotency-Key": key } },
          body: { kind },
        }),
      ),
    invalidates: [keys.allBackup(), keys.allJobs(), keys.runs(), keys.health()],
  });
}

/** Starts a restore test of one backup, or of the newest one of each kind. */
export function useRestoreTest() {
  return useAction({
    call: ({ backupId }: { backupId?: number }, key: string) =>
      ask(
        client.POST("/ops/backup/restore-test", {
          params: { header: { "Idempotency-Key": key } },
          body: backupId === undefined ? {} : { backup_run_id: backupId },
        }),
      ),
    invalidates: [keys.allBackup(), keys.allJobs(), keys.runs(), keys.health()],
  });
}
