import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";

import { BackupPanel } from "../BackupStatusPanel";
import { keys } from "../data/keys";
import type { Backup, BackupHistory, Meta, RestoreTest } from "../data/schema.generated";
import { answer, recorded, renderOps, unreachable } from "../testing";
import { backup, status, test } from "./fixtures";

const page = (...history: (Backup | RestoreTest)[]): BackupHistory => ({
  history,
  total: history.length,
  next: null,
  previous: null,
});

const history = () => within(screen.getByRole("region", { name: "Backup history" }));

beforeEach(() => {
  answer("/ops/meta", recorded<Meta>("meta"));
  answer("/ops/backup/status", status());
});

describe("the history of backups", () => {
  it("lists backups and restore tests of the console in one table", async () => {
    const found = recorded<BackupHistory>("backup_history");
    answer("/ops/backup/history", found);
    renderOps(<BackupPanel />);
    await screen.findByRole("table", { name: "Backups and restore tests, newest first" });
    expect(history().getAllByRole("rowheader")).toHaveLength(found.history.length);
  });

  it("shows the result of each, and the error of one that failed as text", async () => {
    answer(
      "/ops/backup/history",
      page(
        { ...backup(), id: 3, status: "failed", error: "<b>disk full</b>", size_bytes: null, file: null },
        {
          ...backup(),
          id: 2,
          status: "succeeded",
          size_bytes: 1_536,
          file: "missing",
          started_at: null,
          started_at_text: "-infinity",
        },
        { ...test(), id: 1, status: "could_not_verify", backup_run_id: null, checks: [], checks_total: 0 },
      ),
    );
    const { container } = renderOps(<BackupPanel />);
    const [failed, kept, tested] = (await screen.findAllByRole("rowheader")).map((cell) =>
      cell.closest("tr"),
    );
    expect(failed).toHaveTextContent("Failed");
    expect(failed).toHaveTextContent("<b>disk full</b>");
    expect(container.querySelector("b")).toBeNull();
    expect(kept).toHaveTextContent("1.5 KiB · Missing");
    expect(kept).toHaveTextContent("-infinity");
    expect(tested).toHaveTextContent("Could not verify");
    expect(tested).toHaveTextContent("Unknown backup");
  });

  it("pages, and keeps the page in the address", async () => {
    const asked = answer("/ops/backup/history", { ...page(backup()), total: 25 });
    const { user } = renderOps(<BackupPanel />);
    await user.click(await screen.findByRole("button", { name: "Older entries" }));
    expect(window.location.search).toBe("?backup_page=2");
    await waitFor(() => expect(asked.at(-1)?.url.searchParams.get("offset")).toBe("10"));
    expect(screen.getByText("Page 2 of 3")).toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "Newer entries" }));
    expect(window.location.search).toBe("");
  });

  it("filters by type and kind, and begins at the first page then", async () => {
    const asked = answer("/ops/backup/history", { ...page(backup()), total: 25 });
    const { user } = renderOps(<BackupPanel />, { url: "/ops?backup_page=2" });
    await screen.findByRole("table");
    await user.selectOptions(screen.getByRole("combobox", { name: "Type" }), "Restore tests");
    await user.selectOptions(screen.getByRole("combobox", { name: "Kind" }), "Attachments");
    expect(window.location.search).toBe("?backup_type=restore_test&backup_kind=attachments");
    await waitFor(() => expect(asked.at(-1)?.url.searchParams.get("kind")).toBe("attachments"));
    expect(asked.at(-1)?.url.searchParams.get("offset")).toBe("0");
  });

  it("ignores what no filter can be", async () => {
    const asked = answer("/ops/backup/history", page(backup()));
    renderOps(<BackupPanel />, { url: "/ops?backup_type=x&backup_kind=toString&backup_page=-1" });
    await screen.findByRole("table");
    expect(asked[0]?.url.search).toBe("?limit=10&offset=0");
  });

  it("tells nothing at all from nothing for these filters", async () => {
    answer("/ops/backup/history", page());
    const { user } = renderOps(<BackupPanel />, { url: "/ops?backup_kind=database" });
    expect(await screen.findByText("No results.")).toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "Clear filters" }));
    expect(await screen.findByText("No backups yet.")).toBeInTheDocument();
  });

  it("fails by itself, and asks again on request", async () => {
    unreachable("/ops/backup/history");
    const { user } = renderOps(<BackupPanel />);
    const again = await screen.findByRole("button", { name: "Try again" });
    expect(screen.getByRole("region", { name: "Database backup" })).toBeInTheDocument();
    answer("/ops/backup/history", page(backup()));
    await user.click(again);
    expect(await screen.findByRole("table")).toBeInTheDocument();
  });

  it("is asked for again when the state says that something ended", async () => {
    const asked = answer("/ops/backup/history", page(backup()));
    const { queryClient } = renderOps(<BackupPanel />);
    await screen.findByRole("table");
    const before = asked.length;
    await queryClient.invalidateQueries({ queryKey: keys.backup() });
    expect(asked).toHaveLength(before);
    const next: Backup = { ...backup(), id: backup().id + 5 };
    answer("/ops/backup/status", { ...status(), last_attempt: { database: next } });
    await queryClient.invalidateQueries({ queryKey: keys.backup() });
    await waitFor(() => expect(asked.length).toBeGreaterThan(before));
  });
});
