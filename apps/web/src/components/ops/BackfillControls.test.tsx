import { screen, within } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import { answerFirst, aPendingRun, VIEWER } from "./testing/runs";
import { BackfillPanel } from "./BackfillControls";
import { refuse, renderOps, unreachable } from "./testing";

const panel = () => screen.getByRole("region", { name: "Backfill" });
const button = (name: string | RegExp) => screen.findByRole("button", { name });

describe("The backfill panel", () => {
  test("says that it is loading", () => {
    answerFirst();
    renderOps(<BackfillPanel />);
    expect(within(panel()).getByText("Loading backfill")).toBeInTheDocument();
  });

  test("says that no backfill has run yet to somebody who may start none", async () => {
    answerFirst({ may: VIEWER });
    renderOps(<BackfillPanel />);
    expect(await screen.findByText("No backfill has run yet.")).toBeInTheDocument();
    expect(screen.queryByRole("button")).toBeNull();
  });

  test("says what went wrong, and recovers with Try again", async () => {
    answerFirst();
    unreachable("/ops/runs");
    const { user } = renderOps(<BackfillPanel />);
    expect(await screen.findByText(/can’t be reached/)).toBeInTheDocument();
    answerFirst({ runs: [aPendingRun()] });
    await user.click(await button("Try again"));
    expect(await screen.findByRole("heading", { name: "Backfill Quiet Harbor" })).toBeInTheDocument();
  });

  test("shows somebody who may not see runs the reason, and nothing to try again", async () => {
    answerFirst();
    refuse("/ops/runs", 403, "permission_denied", "You need the permission jobs.view_run.");
    renderOps(<BackfillPanel />);
    expect(await screen.findByText("You need the permission jobs.view_run.")).toBeInTheDocument();
    expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
  });

  test("shows a viewer what is under way, without buttons that start or cancel", async () => {
    answerFirst({ may: VIEWER, runs: [aPendingRun()] });
    renderOps(<BackfillPanel />);
    expect(await screen.findByText("Running")).toBeInTheDocument();
    expect(screen.getAllByRole("button")).toEqual([await button("Show 1 job of Backfill Quiet Harbor")]);
  });

  test("keeps the forms usable when the identities can’t be read", async () => {
    answerFirst();
    refuse("/ops/sync/status", 503, "database_unreachable", "The database doesn’t answer.");
    renderOps(<BackfillPanel />);
    expect(await screen.findByText(/The database doesn’t answer/)).toBeInTheDocument();
    expect(screen.getByRole("combobox", { name: "Search conversations" })).toBeInTheDocument();
  });
});
