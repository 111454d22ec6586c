import { screen, within } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";

import { status } from "./backup/fixtures";
import { BackupPanel } from "./BackupStatusPanel";
import type { BackupHistory, Meta } from "./data/schema.generated";
import { answer, recorded, refuse, renderOps, unreachable } from "./testing";

const NOT_SET = "No backups folder is set, so nothing can be backed up; set OPS_BACKUP_DIR.";

beforeEach(() => {
  answer("/ops/meta", recorded<Meta>("meta"));
  answer("/ops/backup/history", recorded<BackupHistory>("backup_history"));
});

describe("the backups", () => {
  it("say that they load until the answer comes", async () => {
    answer("/ops/backup/status", status(), { until: new Promise(() => {}) });
    renderOps(<BackupPanel />);
    expect(await screen.findByText("Loading backups")).toBeInTheDocument();
  });

  it("say what failed, and ask again on request", async () => {
    unreachable("/ops/backup/status");
    const { user } = renderOps(<BackupPanel />);
    expect(await screen.findByRole("alert")).toHaveTextContent("The server can’t be reached.");
    answer("/ops/backup/status", status());
    await user.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByRole("region", { name: "Database backup" })).toBeInTheDocument();
  });

  it("say who may not look", async () => {
    refuse("/ops/backup/status", 403, "permission_denied", "You may not see backups.");
    renderOps(<BackupPanel />);
    expect(await screen.findByText("You may not see backups.")).toBeInTheDocument();
    expect(screen.queryByRole("button")).not.toBeInTheDocument();
  });

  it("say that nothing is set up, what to do, and offer nothing that can't work", async () => {
    const problem = {
      configured: false,
      problem: NOT_SET,
      in_core: false,
      next_at: null,
      verified_backup_id: null,
    };
    answer("/ops/backup/status", {
      ...status(),
      configured: false,
      problem: NOT_SET,
      kinds: { database: problem, attachments: problem },
      last_backup: {},
      last_attempt: {},
      last_restore_test: null,
      last_restore_tests: {},
      last_passed_restore_tests: {},
      trend: { database: [], attachments: [] },
      disk: null,
      health: {
        status: "unknown",
        reasons: [{ code: "not_configured", message: NOT_SET, status: "unknown", kind: null }],
      },
    });
    renderOps(<BackupPanel />);
    expect(await screen.findByText("Not set up")).toBeInTheDocument();
    expect(screen.getAllByText(NOT_SET)).toHaveLength(1);
    expect(screen.queryByRole("button", { name: /Back up|Test/ })).not.toBeInTheDocument();
  });
});

describe("the health of backups", () => {
  it("gives each reason with its severity and kind, and the disk in words", async () => {
    answer("/ops/backup/status", {
      ...status(),
      disk: { used_bytes: 3 * 2 ** 30, free_bytes: 2 ** 30, total_bytes: 4 * 2 ** 30 },
      health: {
        status: "critical",
        reasons: [
          { code: "too_old", message: "The last one is 31 h old.", status: "critical", kind: "database" },
        ],
      },
    });
    renderOps(<BackupPanel />);
    const health = within(await screen.findByRole("region", { name: "Backup health" }));
    expect(health.getByRole("listitem")).toHaveTextContent("Critical, database: The last one is 31 h old.");
    expect(health.getByText(/Backup disk/)).toHaveTextContent("3 GiB of 4 GiB used (75%), 1 GiB free");
  });
});
