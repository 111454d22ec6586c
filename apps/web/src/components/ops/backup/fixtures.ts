import type { Backup, BackupStatus, RestoreTest } from "../data/schema.generated";
import { recorded } from "../testing";

/** What the console has said, without the restore test that it was making. */
export const status = (): BackupStatus => ({
  ...recorded<BackupStatus>("backup_status_testing"),
  running: { backups: {}, restore_tests: {} },
});
export const backup = () => status().last_backup.database as Backup;
export const test = () => status().last_restore_tests.database as RestoreTest;

/** The recorded status with a database backup that is changed. */
export const withBackup = (change: Partial<Backup>): BackupStatus => ({
  ...status(),
  last_backup: { ...status().last_backup, database: { ...backup(), ...change } },
});

/** The recorded status with a restore test of the database that is changed. */
export const withTest = (change: Partial<RestoreTest>): BackupStatus => ({
  ...status(),
  last_restore_tests: { database: { ...test(), ...change } },
});
