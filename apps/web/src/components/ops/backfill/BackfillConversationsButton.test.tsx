import { screen, waitFor, within } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import { accepted, aJob, anIdentity, answerFirst, aPendingRun } from "../testing/runs";
import { BackfillPanel } from "../BackfillControls";
import { answer, refuse, renderOps } from "../testing";

const panel = () => screen.getByRole("region", { name: "Backfill" });
const button = (name: string | RegExp) => screen.findByRole("button", { name });

describe("Backfilling all identities", () => {
  test("asks once, with the consequence, before anything is started", async () => {
    answerFirst();
    const asked = answer("/ops/backfill/conversations", accepted(), { method: "post", status: 202 });
    answer("/ops/runs/{id}", aPendingRun());
    const { user } = renderOps(<BackfillPanel />);
    await user.click(await button("Backfill all identities"));
    const dialog = await screen.findByRole("alertdialog", { name: "Backfill all identities" });
    expect(dialog).toHaveTextContent("Queues a job for each of 2 active identities.");
    expect(asked).toHaveLength(0);
    await user.click(within(dialog).getByRole("button", { name: "Backfill all identities" }));
    expect(await within(panel()).findByText("1 job queued.")).toBeInTheDocument();
    expect(asked[0]?.body).toEqual({});
    expect(asked[0]?.headers.get("Idempotency-Key")).toMatch(/^[!-~]{1,200}$/);
  });

  test("starts nothing when the dialog is closed, and focus returns to the button", async () => {
    answerFirst();
    const asked = answer("/ops/backfill/conversations", accepted(), { method: "post", status: 202 });
    const { user } = renderOps(<BackfillPanel />);
    (await button("Backfill all identities")).focus();
    await user.keyboard("{Enter}");
    await screen.findByRole("alertdialog");
    await user.keyboard("{Escape}");
    await waitFor(() => expect(screen.queryByRole("alertdialog")).toBeNull());
    expect(await button("Backfill all identities")).toHaveFocus();
    expect(asked).toHaveLength(0);
  });

  test("shows what was created by name, what was joined, and who was skipped and why", async () => {
    answerFirst();
    const left = {
      identity_id: 3,
      code: "credential_missing",
      reason: "Old Town Ledger has no credential.",
      job_id: null,
    };
    answer("/ops/backfill/conversations", accepted({ left_out: [left] }), { method: "post", status: 202 });
    const jobs = [
      aJob({ status: "running", outcome: null, result: null, progress: null }),
      aJob({
        id: 20150,
        status: "queued",
        joined: true,
        identity: { id: 7, display_name: "Night Bus 42" },
        progress: null,
      }),
    ];
    answer(
      "/ops/runs/{id}",
      aPendingRun({ jobs, job_count: 2, by_status: { running: 1, queued: 1 }, left_out: [left] }),
    );
    const { user } = renderOps(<BackfillPanel />);
    await user.click(await button("Backfill all identities"));
    const dialog = await screen.findByRole("alertdialog");
    await user.click(within(dialog).getByRole("button", { name: "Backfill all identities" }));
    const list = await screen.findByRole("list", { name: "Jobs of Backfill Quiet Harbor" });
    expect(within(list).getByText("Night Bus 42")).toBeInTheDocument();
    expect(within(list).getByText("Already active, joined")).toBeInTheDocument();
    expect(within(list).getByRole("link", { name: "Job 20150" })).toHaveAttribute("href", "?job=20150");
    expect(screen.getByText("1 identity skipped")).toBeInTheDocument();
    expect(screen.getByText("Old Town Ledger has no credential.")).toBeInTheDocument();
  });

  test("shows the reasons of everybody who was skipped when nobody is left", async () => {
    answerFirst();
    const left_out = [1, 7].map((id) => ({
      identity_id: id,
      code: "provider_switched_off",
      reason: `Identity ${id} can’t sync: its provider is switched off.`,
      job_id: null,
    }));
    refuse("/ops/backfill/conversations", 409, "no_identity_can_sync", "No active identity can sync.", {
      method: "post",
      more: { left_out },
    });
    const { user } = renderOps(<BackfillPanel />);
    await user.click(await button("Backfill all identities"));
    await user.click(
      within(await screen.findByRole("alertdialog")).getByRole("button", { name: "Backfill all identities" }),
    );
    const alert = await screen.findByText("No active identity can sync.", { ignore: "[role=status] *" });
    expect(alert.closest("[role=alert]")).toHaveTextContent(
      "Identity 7 can’t sync: its provider is switched off.",
    );
  });
});

describe("Backfilling one identity", () => {
  test("takes the identity from the address and asks nothing", async () => {
    answerFirst();
    const asked = answer("/ops/backfill/conversations", accepted(), { method: "post", status: 202 });
    answer("/ops/runs/{id}", aPendingRun());
    const { user } = renderOps(<BackfillPanel />, { url: "/ops?identity=7" });
    await user.click(await button("Backfill identity"));
    expect(await within(panel()).findByText("1 job queued.")).toBeInTheDocument();
    expect(asked.map((one) => one.body)).toEqual([{ identity_id: 7 }]);
  });

  test("shows the sentence and the job in the way of a conflict", async () => {
    answerFirst();
    refuse("/ops/backfill/conversations", 409, "blocked_by_foreign_job", "Job 42 does the same work.", {
      method: "post",
      more: { job_id: 42, stuck: true },
    });
    const { user } = renderOps(<BackfillPanel />, { url: "/ops?identity=7" });
    await user.click(await button("Backfill identity"));
    const alert = await screen.findByRole("alert");
    expect(alert).toHaveTextContent("Job 42 does the same work.");
    expect(within(alert).getByRole("link", { name: "Job 42" })).toHaveAttribute("href", "?identity=7&job=42");
  });

  test("says so when the identity has become inactive meanwhile, and reads the identities again", async () => {
    answerFirst();
    refuse("/ops/backfill/conversations", 404, "identity_not_found", "Identity 7 is unknown or inactive.", {
      method: "post",
    });
    const { user } = renderOps(<BackfillPanel />, { url: "/ops?identity=7" });
    const start = await button("Backfill identity");
    answerFirst({ identities: [anIdentity(1, "Quiet Harbor")] });
    await user.click(start);
    expect(await screen.findByRole("alert")).toHaveTextContent("Identity 7 is unknown or inactive.");
    expect(
      await screen.findByText("Identity 7 is gone or inactive. Choose another one."),
    ).toBeInTheDocument();
    await waitFor(() => expect(start).toHaveAttribute("aria-disabled", "true"));
    expect(start).toHaveAccessibleDescription("This identity is gone or inactive.");
  });
});
