import { screen, within } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";

import { BackupPanel } from "../BackupStatusPanel";
import type { Backup, BackupHistory, BackupStatus, Meta } from "../data/schema.generated";
import { answer, recorded, renderOps } from "../testing";
import { backup, status, withBackup } from "./fixtures";

const kind = (name: string) => within(screen.getByRole("region", { name: `${name} backup` }));

beforeEach(() => {
  answer("/ops/meta", recorded<Meta>("meta"));
  answer("/ops/backup/history", recorded<BackupHistory>("backup_history"));
});

describe("the last backup of a kind", () => {
  it("shows size, file and the restore test that verified it", async () => {
    answer(
      "/ops/backup/status",
      withBackup({
        size_bytes: 6_744_024,
        file: "kept",
        verified_by: { id: 11, status: "passed", at: "2026-11-30T04:56:52Z" },
      }),
    );
    renderOps(<BackupPanel />);
    await screen.findByRole("region", { name: "Database backup" });
    expect(kind("Database").getByText("6.4 MiB")).toBeInTheDocument();
    expect(kind("Database").getByText("Kept")).toBeInTheDocument();
    expect(kind("Database").getByText(/Passed · #11/)).toBeInTheDocument();
  });

  it.each([
    ["missing", "Missing"],
    ["unreachable", "Unreachable"],
    ["removed", "Removed by retention"],
    [null, "Unknown"],
  ] as const)("says of a file that is %s: %s", async (file, word) => {
    answer("/ops/backup/status", withBackup({ file, size_bytes: null, verified_by: null }));
    renderOps(<BackupPanel />);
    await screen.findByRole("region", { name: "Database backup" });
    expect(kind("Database").getAllByText(word).length).toBeGreaterThan(0);
    expect(kind("Database").getByText("None")).toBeInTheDocument();
  });

  it("shows a later attempt that failed, with its error folded", async () => {
    const error = `pg_dump: connection refused\n${"at line\n".repeat(600)}`;
    const failed: Backup = {
      ...backup(),
      id: backup().id + 1,
      status: "failed",
      size_bytes: null,
      file: null,
      error,
    };
    answer("/ops/backup/status", { ...status(), last_attempt: { database: failed } });
    renderOps(<BackupPanel />);
    await screen.findByRole("region", { name: "Database backup" });
    expect(kind("Database").getByText(/Last attempt/)).toHaveTextContent("Failed");
    expect(kind("Database").getByText("pg_dump: connection refused").tagName).toBe("SUMMARY");
  });

  it("says that there is no usable one, and why none is expected", async () => {
    answer("/ops/backup/status", {
      ...status(),
      last_backup: {},
      last_attempt: {},
      kinds: { ...status().kinds, database: { ...status().kinds.database, next_at: null } },
      schedules: {
        ...status().schedules,
        database: { scheduled: "off", schedule: null, schedule_id: null, next_at: null },
      },
    });
    renderOps(<BackupPanel />);
    await screen.findByRole("region", { name: "Database backup" });
    expect(kind("Database").getByText("No usable backup.")).toBeInTheDocument();
    expect(kind("Database").getByText(/Next backup/)).toHaveTextContent("Next backup: None: schedule off");
  });

  it("says that the core makes it, and doesn't guess about its file", async () => {
    const found = withBackup({ file: null });
    answer("/ops/backup/status", {
      ...found,
      kinds: { ...found.kinds, database: { ...found.kinds.database, in_core: true, next_at: null } },
      schedules: { ...found.schedules, database: null },
    });
    renderOps(<BackupPanel />);
    await screen.findByRole("region", { name: "Database backup" });
    expect(kind("Database").getByText(/Made by the core/)).toBeInTheDocument();
    expect(kind("Database").getByText("Kept by the core")).toBeInTheDocument();
    expect(kind("Database").getByText(/Next backup/)).toHaveTextContent("Unknown");
  });

  it("shows a time that no clock can show as the database says it", async () => {
    answer("/ops/backup/status", withBackup({ completed_at: null, completed_at_text: "infinity" }));
    renderOps(<BackupPanel />);
    await screen.findByRole("region", { name: "Database backup" });
    expect(kind("Database").getByText("infinity")).toBeInTheDocument();
  });

  it("shows its progress while it is made", async () => {
    const running: Backup = {
      ...backup(),
      id: 900,
      status: "running",
      completed_at: null,
      job_id: 20_155,
      progress: {
        current: 512,
        total: 1_024,
        percent: 50,
        unit: "tables",
        source: "reported",
        updated_at: null,
      },
    };
    answer("/ops/backup/status", {
      ...status(),
      running: { backups: { database: running }, restore_tests: {} },
    });
    const { user } = renderOps(<BackupPanel />);
    await screen.findByRole("region", { name: "Database backup" });
    expect(kind("Database").getByRole("progressbar", { name: "Database backup #900" })).toBeInTheDocument();
    await user.click(kind("Database").getByRole("link", { name: "Job #20155" }));
    expect(window.location.search).toBe("?job=20155");
  });

  it("shows what the console was making when it was asked", async () => {
    const found = recorded<BackupStatus>("backup_status_running");
    const running = Object.values(found.running.backups)[0] as Backup;
    answer("/ops/backup/status", found);
    renderOps(<BackupPanel />);
    expect((await screen.findAllByText(new RegExp(`backup #${running.id}$`))).length).toBeGreaterThan(0);
    expect(screen.getAllByText("Running").length).toBeGreaterThan(0);
  });

  it("draws its sizes with the same in words", async () => {
    const points = [5, 6, null, 7].map((size, index) => ({
      id: index + 1,
      completed_at: "2026-11-30T04:56:27Z",
      size_bytes: size === null ? null : size * 1_048_576,
      seconds: 1.5,
    }));
    answer("/ops/backup/status", { ...status(), trend: { database: points, attachments: [] } });
    renderOps(<BackupPanel />);
    await screen.findByRole("region", { name: "Database backup" });
    expect(
      kind("Database").getByRole("img", {
        name: "Database backups. Last 3 sizes: 5 MiB to 7 MiB, newest 7 MiB.",
      }),
    ).toBeInTheDocument();
  });
});
