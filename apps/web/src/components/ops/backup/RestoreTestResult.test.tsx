import { screen, within } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";

import { BackupPanel } from "../BackupStatusPanel";
import type { BackupHistory, Meta, RestoreTest } from "../data/schema.generated";
import { answer, recorded, renderOps } from "../testing";
import { status, withTest } from "./fixtures";

beforeEach(() => {
  answer("/ops/meta", recorded<Meta>("meta"));
  answer("/ops/backup/history", recorded<BackupHistory>("backup_history"));
});

describe("the restore tests", () => {
  const section = () => within(screen.getByRole("region", { name: "Restore tests" }));
  const checks: RestoreTest["checks"] = [
    {
      check_name: "restore",
      title: "Restores without an error",
      passed: true,
      expected: "restores",
      actual: "restored",
      error: null,
    },
    {
      check_name: "row_counts",
      title: "Numbers of rows",
      passed: false,
      expected: 12_345,
      actual: 12_000,
      error: "345 rows are missing.",
    },
    {
      check_name: "restore_seconds",
      title: "Time to restore",
      passed: null,
      expected: null,
      actual: 1.6,
      error: null,
    },
  ];

  it("show a check that failed at once, and fold those that passed", async () => {
    answer("/ops/backup/status", withTest({ status: "failed", checks, checks_passed: 1, checks_total: 2 }));
    renderOps(<BackupPanel />);
    await screen.findByRole("region", { name: "Restore tests" });
    const failed = section().getByRole("list", { name: "Checks that did not pass" });
    expect(failed).toHaveTextContent("Failed: Numbers of rows");
    expect(failed).toHaveTextContent("Expected 12,345 · Found 12,000");
    expect(failed).toHaveTextContent("345 rows are missing.");
    expect(section().getByText("1 of 2 checks passed").tagName).toBe("SUMMARY");
    expect(section().getByText("Restores without an error")).not.toBeVisible();
  });

  it("say that a backup could not be verified, which is no failure", async () => {
    answer(
      "/ops/backup/status",
      withTest({ status: "could_not_verify", checks: [], checks_total: 0, error: "No scratch database." }),
    );
    renderOps(<BackupPanel />);
    await screen.findByRole("region", { name: "Restore tests" });
    expect(section().getByText("Could not verify")).toBeInTheDocument();
    expect(section().getByText("No scratch database.")).toBeInTheDocument();
    expect(section().queryByText("Failed")).not.toBeInTheDocument();
  });

  it("show a hundred checks", async () => {
    const many = Array.from({ length: 100 }, (_, index) => ({
      ...(checks[index % 2] as RestoreTest["checks"][number]),
      title: `Check ${index}`,
      expected: "x".repeat(1_000),
    }));
    answer(
      "/ops/backup/status",
      withTest({ status: "failed", checks: many, checks_passed: 50, checks_total: 100 }),
    );
    renderOps(<BackupPanel />);
    await screen.findByRole("region", { name: "Restore tests" });
    expect(
      within(section().getByRole("list", { name: "Checks that did not pass" })).getAllByRole("listitem"),
    ).toHaveLength(50);
  });

  it("say that there is none yet", async () => {
    answer("/ops/backup/status", {
      ...status(),
      last_restore_test: null,
      last_restore_tests: {},
      last_passed_restore_tests: {},
    });
    renderOps(<BackupPanel />);
    await screen.findByRole("region", { name: "Restore tests" });
    expect(section().getByText(/No restore test yet/)).toBeInTheDocument();
  });
});
