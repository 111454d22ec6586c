import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";

import type { Health, Meta } from "./data/schema.generated";
import { keys } from "./data/keys";
import { late, onTrack, overview, withIdentities } from "./sync/fixtures";
import { SyncStatusDashboard } from "./SyncStatusPanel";
import { answer, recorded, refuse, renderOps, unreachable } from "./testing";

// By role would take seconds for 200.
const names = () => Array.from(document.querySelectorAll("h3"), (heading) => heading.textContent);
const row = (name: string) =>
  within(screen.getByRole("heading", { level: 3, name }).closest("li") as HTMLElement);

beforeEach(() => {
  answer("/ops/meta", recorded<Meta>("meta"));
  answer("/ops/health", recorded<Health>("health"));
});

describe("the sync status", () => {
  it("says that it loads until the answer comes", async () => {
    answer("/ops/sync/status", overview(), { until: new Promise(() => {}) });
    renderOps(<SyncStatusDashboard />);
    expect(await screen.findByText("Loading sync status")).toBeInTheDocument();
  });

  it.each(["sync_status", "sync_status_active", "sync_status_all"])(
    "shows each identity of %s with the health of all in words",
    async (name) => {
      const { identities, overall } = overview(name);
      answer("/ops/sync/status", overview(name));
      renderOps(<SyncStatusDashboard />);
      await screen.findByRole("list", { name: "Identities" });
      expect(names().sort()).toEqual(identities.map((identity) => identity.display_name).sort());
      const health = within(screen.getByRole("region", { name: "Overall sync health" }));
      overall.reasons.forEach((reason) => expect(health.getByText(reason.message)).toBeInTheDocument());
    },
  );

  it("says what would make identities appear where there are none", async () => {
    answer("/ops/sync/status", { ...overview(), identities: [] });
    renderOps(<SyncStatusDashboard />);
    expect(await screen.findByText(/Connect an account, or include inactive/)).toBeInTheDocument();
  });

  it("says what failed, and asks again on request", async () => {
    unreachable("/ops/sync/status");
    const { user } = renderOps(<SyncStatusDashboard />);
    expect(await screen.findByRole("alert")).toHaveTextContent("The server can’t be reached.");
    answer("/ops/sync/status", overview());
    await user.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByRole("list", { name: "Identities" })).toBeInTheDocument();
  });

  it("says who may not look", async () => {
    refuse("/ops/sync/status", 403, "permission_denied", "You may not see identities.");
    renderOps(<SyncStatusDashboard />);
    expect(await screen.findByText("You may not see identities.")).toBeInTheDocument();
    expect(screen.queryByRole("list", { name: "Identities" })).not.toBeInTheDocument();
  });

  it("shows the first 20 of 200 identities, and all on request", async () => {
    const many = Array.from({ length: 200 }, (_, index) => ({ display_name: `Identity ${index}` }));
    answer("/ops/sync/status", withIdentities(...many));
    const { user } = renderOps(<SyncStatusDashboard />);
    await screen.findByRole("list", { name: "Identities" });
    expect(names()).toHaveLength(20);
    await user.click(screen.getByRole("button", { name: "Show all 200 identities" }));
    expect(names()).toHaveLength(200);
  });

  it("asks for inactive identities too, and keeps that in the address", async () => {
    const asked = answer("/ops/sync/status", overview());
    const { user } = renderOps(<SyncStatusDashboard />);
    await user.click(await screen.findByRole("switch", { name: "Include inactive identities" }));
    await waitFor(() =>
      expect(asked.map(({ url }) => url.searchParams.get("include_inactive"))).toContain("true"),
    );
    expect(window.location.search).toBe("?inactive=1");
  });
});

describe("an identity that needs somebody", () => {
  it("comes first, with its causes and its last error", async () => {
    answer(
      "/ops/sync/status",
      withIdentities(
        { display_name: "Fine", health: onTrack },
        { display_name: "Late one", health: late, last_error: `TimeoutError: slow\n${"x".repeat(4_900)}` },
      ),
    );
    renderOps(<SyncStatusDashboard />);
    await screen.findByRole("list", { name: "Identities" });
    expect(names()).toEqual(["Late one", "Fine"]);
    expect(row("Late one").getByText("Late")).toBeInTheDocument();
    expect(row("Late one").getByText(/No sync has succeeded for 25 minutes/)).toBeVisible();
    expect(row("Late one").getByText("TimeoutError: slow")).toBeVisible();
    expect(row("Fine").getByText("On track")).toBeInTheDocument();
  });

  it("keeps its place when its health changes, until somebody sorts again", async () => {
    answer("/ops/sync/status", withIdentities({ display_name: "One" }, { display_name: "Two" }));
    const { user, queryClient } = renderOps(<SyncStatusDashboard />);
    await screen.findByRole("list", { name: "Identities" });
    answer(
      "/ops/sync/status",
      withIdentities({ display_name: "One", health: onTrack }, { display_name: "Two", health: late }),
    );
    await queryClient.invalidateQueries({ queryKey: keys.sync() });
    expect(await screen.findByText(/1 more identity needs attention/)).toBeInTheDocument();
    expect(names()).toEqual(["One", "Two"]);
    await user.click(screen.getByRole("button", { name: "Sort by health" }));
    expect(names()).toEqual(["Two", "One"]);
    expect(screen.queryByRole("button", { name: "Sort by health" })).not.toBeInTheDocument();
  });
});

describe("around the identities", () => {
  it("says that beat is silent, since when, and what to do", async () => {
    const beat = { status: "silent" as const, since: "2026-11-30T04:00:00Z", last_run_at: null };
    answer("/ops/sync/status", { ...overview(), beat });
    renderOps(<SyncStatusDashboard />);
    expect(await screen.findByText(/Start the beat process/)).toHaveTextContent("silent since");
  });

  it("shows the console's own verdict with each reason", async () => {
    answer("/ops/sync/status", overview());
    renderOps(<SyncStatusDashboard />);
    const verdict = await screen.findByRole("region", { name: "Console health" });
    recorded<Health>("health").reasons.forEach((reason) => expect(verdict).toHaveTextContent(reason.message));
  });

  it("leaves the verdict out for those who may not see it", async () => {
    refuse("/ops/health", 403, "permission_denied", "You may not see jobs.");
    answer("/ops/sync/status", overview());
    renderOps(<SyncStatusDashboard />);
    await screen.findByRole("list", { name: "Identities" });
    expect(screen.queryByText(/Console health/)).not.toBeInTheDocument();
  });
});
