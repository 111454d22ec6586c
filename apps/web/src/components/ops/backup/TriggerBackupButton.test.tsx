import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";

import { BackupPanel } from "../BackupStatusPanel";
import type { Accepted, BackupHistory, Meta, Run } from "../data/schema.generated";
import { answer, recorded, refuse, renderOps } from "../testing";
import { backup, status, test } from "./fixtures";

function meta(may: Partial<Meta["may"]> = {}): Meta {
  const found = recorded<Meta>("meta");
  const restore_test = { configured: true, problem: null };
  return {
    ...found,
    may: { ...found.may, backup: true, restore_test: true, ...may },
    supports: { ...found.supports, restore_test },
  };
}

beforeEach(() => {
  answer("/ops/meta", meta());
  answer("/ops/backup/status", { ...status(), running: { backups: {}, restore_tests: {} } });
  answer("/ops/backup/history", recorded<BackupHistory>("backup_history"));
  answer("/ops/runs/{id}", recorded<Run>("run"));
});

describe("the buttons of backups", () => {
  it.each([
    ["Back up now", "/ops/backup/trigger", { kind: "all" }, "Backup"],
    ["Back up database", "/ops/backup/trigger", { kind: "database" }, "Backup"],
    ["Back up attachments", "/ops/backup/trigger", { kind: "attachments" }, "Backup"],
    ["Test restore", "/ops/backup/restore-test", {}, "Restore test"],
  ])("%s starts it and shows what it started", async (name, path, body, label) => {
    const accepted = recorded<Accepted>("accepted_backup");
    const asked = answer(path, accepted, { method: "post", status: 202 });
    const { user } = renderOps(<BackupPanel />);
    await user.click(await screen.findByRole("button", { name }));
    const outcome = await screen.findByRole("region", { name: label });
    expect(within(outcome).getByText(accepted.message)).toBeInTheDocument();
    expect(within(outcome).getByRole("link", { name: `#${accepted.jobs[0]}` })).toBeInTheDocument();
    expect(asked.map((one) => one.body)).toEqual([body]);
    expect(asked[0]?.headers.get("Idempotency-Key")).toMatch(/^[!-~]{1,200}$/);
  });

  it("ask for the state and the history again once something was started", async () => {
    answer("/ops/backup/trigger", recorded<Accepted>("accepted_backup"), { method: "post", status: 202 });
    const { user } = renderOps(<BackupPanel />);
    const button = await screen.findByRole("button", { name: "Back up now" });
    const asked = [
      answer("/ops/backup/status", status()),
      answer("/ops/backup/history", recorded("backup_history")),
    ];
    await user.click(button);
    await waitFor(() => asked.forEach((calls) => expect(calls.length).toBeGreaterThan(0)));
  });

  it("lead to the job that makes the backup already", async () => {
    refuse("/ops/backup/trigger", 409, "already_running", "Job 20155 is doing that already.", {
      method: "post",
      more: { job_id: 20_155 },
    });
    const { user } = renderOps(<BackupPanel />);
    await user.click(await screen.findByRole("button", { name: "Back up database" }));
    expect(await screen.findByRole("alert")).toHaveTextContent("Job 20155 is doing that already.");
    await user.click(screen.getByRole("link", { name: "Open job #20155" }));
    expect(window.location.search).toBe("?job=20155");
  });

  it("say what runs while it can't be started again, and leave the other kind alone", async () => {
    const running = { ...backup(), id: 900, status: "running", completed_at: null };
    answer("/ops/backup/status", {
      ...status(),
      running: { backups: { database: running }, restore_tests: {} },
    });
    renderOps(<BackupPanel />);
    const database = await screen.findByRole("button", { name: "Back up database" });
    expect(database).toHaveAttribute("aria-disabled", "true");
    expect(database).toHaveAccessibleDescription("Database backup #900 is running.");
    expect(screen.getByRole("button", { name: "Back up attachments" })).not.toHaveAttribute("aria-disabled");
    expect(screen.getByRole("button", { name: "Back up now" })).not.toHaveAttribute("aria-disabled");
  });

  it("say that there is nothing to test before the first backup", async () => {
    answer("/ops/backup/status", { ...status(), last_backup: {}, last_attempt: {} });
    renderOps(<BackupPanel />);
    expect(await screen.findByRole("button", { name: "Test restore" })).toHaveAccessibleDescription(
      "No backup to test yet. Back up first.",
    );
  });

  it("show a restore test that is under way", async () => {
    const running = { ...test(), id: 44, status: "running", completed_at: null, progress: null };
    answer("/ops/backup/status", {
      ...status(),
      running: { backups: {}, restore_tests: { database: running, attachments: running } },
    });
    renderOps(<BackupPanel />);
    expect(await screen.findByRole("button", { name: "Test restore" })).toHaveAccessibleDescription(
      "A restore test is running.",
    );
    expect(screen.getAllByText("Restore test #44").length).toBeGreaterThan(0);
  });

  it("are not there for those who may only look", async () => {
    answer("/ops/meta", recorded<Meta>("meta_viewer"));
    renderOps(<BackupPanel />);
    await screen.findByRole("region", { name: "Database backup" });
    expect(screen.queryByRole("button", { name: /Back up|Test restore/ })).not.toBeInTheDocument();
  });
});
