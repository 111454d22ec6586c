import { screen, waitFor, within } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import { accepted, aMeta, anIdentity, anOverview, answerFirst, aPendingRun } from "../testing/runs";
import { SyncPanel } from "../IdentitySyncPanel";
import { answer, refuse, renderOps } from "../testing";

describe("Syncing one identity", () => {
  const show = (changes: Parameters<typeof anIdentity>[2] = {}) => {
    answerFirst({ identities: [anIdentity(7, "Night Bus 42", changes)] });
    return renderOps(<SyncPanel />, { url: "/ops?identity=7" });
  };

  test("syncs and backfills the chosen identity", async () => {
    const sync = answer("/conversations/sync", accepted(), { method: "post", status: 202 });
    const backfill = answer("/ops/backfill/conversations", accepted(), { method: "post", status: 202 });
    answer("/ops/runs/{id}", aPendingRun());
    const { user } = show();
    await user.click(await screen.findByRole("button", { name: "Sync identity" }));
    await waitFor(() => expect(sync).toHaveLength(1));
    expect(sync[0]?.url.searchParams.get("identity_id")).toBe("7");
    await user.click(screen.getByRole("button", { name: "Backfill history" }));
    await waitFor(() => expect(backfill).toHaveLength(1));
    expect(backfill[0]?.body).toEqual({ identity_id: 7 });
  });

  test("shows the sentence of a conflict with the job in the way", async () => {
    refuse("/conversations/sync", 409, "blocked_by_foreign_job", "Job 42 does the same work.", {
      method: "post",
      more: { job_id: 42, stuck: false },
    });
    const { user } = show();
    await user.click(await screen.findByRole("button", { name: "Sync identity" }));
    expect(
      within(await screen.findByRole("alert")).getByRole("link", { name: "Job 42" }),
    ).toBeInTheDocument();
  });

  test("keeps the choice, and says so, when the identity vanishes", async () => {
    const { queryClient } = show();
    await screen.findByRole("button", { name: "Sync identity" });
    answer("/ops/sync/status", anOverview([anIdentity(1, "Quiet Harbor")]));
    await queryClient.invalidateQueries({ queryKey: ["ops", "sync"] });
    expect(
      await screen.findByText("Identity 7 is gone or inactive. Choose another one."),
    ).toBeInTheDocument();
    const sync = screen.getByRole("button", { name: "Sync identity" });
    expect(sync).toHaveAttribute("aria-disabled", "true");
    expect(sync).toHaveAccessibleDescription("This identity is gone or inactive.");
  });

  test("explains why its schedule can’t be changed where beat reads none from here", async () => {
    const view = show();
    answer("/ops/meta", aMeta({}, { schedules: false }));
    await view.queryClient.invalidateQueries({ queryKey: ["ops", "meta"] });
    const change = await screen.findByRole("button", { name: "Change schedule" });
    await waitFor(() => expect(change).toHaveAttribute("aria-disabled", "true"));
  });

  test("opens the dialog of its schedule", async () => {
    const { user } = show();
    await user.click(await screen.findByRole("button", { name: "Change schedule" }));
    expect(await screen.findByRole("dialog", { name: /Sync schedule of Night Bus 42/ })).toBeInTheDocument();
  });
});
