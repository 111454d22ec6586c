import { screen, within } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import { accepted, anIdentity, answerFirst, aPendingRun, VIEWER } from "./testing/runs";
import { SyncPanel } from "./IdentitySyncPanel";
import { answer, refuse, renderOps, unreachable } from "./testing";

const panel = () => screen.getByRole("region", { name: "Sync" });
const selector = () => screen.findByRole("combobox", { name: "Identity" });
const fact = async (name: string) => (await screen.findByText(name, { selector: "dt" })).nextElementSibling;
const buttons = () => within(panel()).queryAllByRole("button");

describe("The sync panel", () => {
  test("says that it is loading", () => {
    answerFirst();
    renderOps(<SyncPanel />);
    expect(within(panel()).getByText("Loading sync")).toBeInTheDocument();
  });

  test("says what would bring identities where none is active", async () => {
    answerFirst({ identities: [] });
    renderOps(<SyncPanel />);
    expect(
      await screen.findByText("No active identities. Connect an account in the application."),
    ).toBeInTheDocument();
    expect(buttons()).toEqual([]);
  });

  test("says what went wrong, and recovers with Try again", async () => {
    answerFirst();
    unreachable("/ops/sync/status");
    const { user } = renderOps(<SyncPanel />);
    const again = await screen.findByRole("button", { name: "Try again" });
    answerFirst();
    await user.click(again);
    expect(await selector()).toBeInTheDocument();
  });

  test("shows somebody who may not see identities the reason", async () => {
    answerFirst();
    refuse("/ops/sync/status", 403, "permission_denied", "You need the permission identities.view_identity.");
    renderOps(<SyncPanel />);
    expect(await screen.findByText("You need the permission identities.view_identity.")).toBeInTheDocument();
    expect(buttons()).toEqual([]);
  });

  test("shows a viewer everything but buttons", async () => {
    answerFirst({ may: VIEWER });
    renderOps(<SyncPanel />, { url: "/ops?identity=7" });
    expect(await fact("Schedule")).toHaveTextContent("every 2 minutes");
    expect(buttons()).toEqual([]);
  });

  test("finds one of 200 identities, with names in right-to-left script, with HTML, and of 128 characters", async () => {
    const names = ["مكتبة الحي القديم", "<b>bold</b>", "n".repeat(128)];
    const identities = Array.from({ length: 200 }, (_, index) =>
      anIdentity(index + 1, names[index] ?? `Identity ${index}`),
    );
    answerFirst({ identities });
    const { user } = renderOps(<SyncPanel />, { url: "/ops?page=3" });
    const select = await selector();
    expect(within(select).getAllByRole("option")).toHaveLength(201);
    expect(within(select).getByRole("option", { name: "All identities (200)" })).toBeInTheDocument();
    await user.selectOptions(select, "2");
    // The jobs list shows the same identity, from its first page.
    expect(window.location.search).toBe("?identity=2");
    expect(within(panel()).getByText("<b>bold</b>").tagName).toBe("BDI");
    await user.selectOptions(select, "");
    expect(window.location.search).toBe("");
  });
});

test("An identity whose id the browser has rounded can’t be chosen", async () => {
  answerFirst({ identities: [anIdentity(2 ** 53, "Quiet Harbor")] });
  renderOps(<SyncPanel />);
  expect(within(await selector()).getByRole("option", { name: /Quiet Harbor/ })).toBeDisabled();
});

describe("All identities together", () => {
  test("shows the newest sync, the next one, and what is active", async () => {
    answerFirst({
      identities: [
        anIdentity(1, "Quiet Harbor", {
          last_sync_at: "2026-11-30T04:50:00Z",
          next_sync_at: "2026-11-30T05:10:00Z",
        }),
        anIdentity(7, "Night Bus 42", {
          last_sync_at: "2026-11-30T04:55:00.5Z",
          next_sync_at: "2026-11-30T05:20:00Z",
        }),
        anIdentity(9, "Moss & Timber", {
          last_sync_at: null,
          next_sync_at: null,
          counts_as_of: null,
          messages_count: 0,
        }),
      ],
    });
    renderOps(<SyncPanel />);
    expect(await fact("Last sync")).toHaveTextContent("Night Bus 42");
    expect(await fact("Next sync")).toHaveTextContent("Quiet Harbor");
    expect(await fact("Active jobs")).toHaveTextContent("None");
    expect(await fact("Messages")).toHaveTextContent("First count in progress for 1");
  });

  test("shows what is unknown as unknown", async () => {
    answerFirst({
      identities: [
        anIdentity(1, "Quiet Harbor", { last_sync_at: null, last_sync_source: null, next_sync_at: null }),
      ],
    });
    renderOps(<SyncPanel />);
    expect(await fact("Last sync")).toHaveTextContent("Unknown");
    expect(await fact("Next sync")).toHaveTextContent("None expected");
  });

  test("syncs all without an identity in the request", async () => {
    answerFirst();
    const asked = answer("/conversations/sync", accepted(), { method: "post", status: 202 });
    answer("/ops/runs/{id}", aPendingRun({ title: "Sync Quiet Harbor" }));
    const { user } = renderOps(<SyncPanel />);
    await user.click(await screen.findByRole("button", { name: "Sync all identities" }));
    expect(await screen.findByRole("list", { name: "Jobs of Sync Quiet Harbor" })).toBeInTheDocument();
    expect(asked[0]?.url.searchParams.has("identity_id")).toBe(false);
    expect(asked[0]?.headers.get("Idempotency-Key")).not.toBeNull();
  });
});
