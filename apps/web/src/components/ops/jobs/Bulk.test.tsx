import { screen, waitFor, within } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";

import type { Accepted, Meta, Run } from "../data/schema.generated";
import { JobsPanel } from "../JobsTable";
import { answer, refuse, renderOps } from "../testing";
import { aJob, answerPanel, aPreview, recorded, someCounts, VIEWER } from "./fixtures";
import { dialog } from "./testPanel";

const RETRY = "/ops/jobs/retry";
const CANCEL = "/ops/jobs/cancel";
const POST = { method: "post" } as const;

const accepted = () => recorded<Accepted>("accepted");

/** What the panel says of the run that was started. */
const outcome = async () => within(await screen.findByRole("region", { name: "Bulk action on jobs" }));

async function panel(url = "/ops?status=failed", may: Partial<Meta["may"]> = {}) {
  answerPanel([aJob({ id: 7 })], { may, counts: { failed: 22, queued: 2, running: 1, retrying: 0 } });
  const result = renderOps(<JobsPanel />, { url });
  await screen.findByText("#7");
  return result;
}

/** Opens the dialog by its button. */
async function look(user: Awaited<ReturnType<typeof panel>>["user"], name = "Retry failed jobs…") {
  await user.click(await screen.findByRole("button", { name }));
  return dialog();
}

describe("retrying all jobs of a filter", () => {
  const preview = aPreview({
    matched: 25,
    looked_at: 25,
    will_retry: 22,
    by_type: { "ingest.sync_delta": 20, "media.transcode": 2 },
    left_out: [{ code: "message_gone", reason: "Its message was deleted.", n: 3 }],
    warnings: ["No worker listens on media."],
  });

  it("first shows what would happen, and changes nothing", async () => {
    const { user } = await panel("/ops?status=failed&type=ingest.sync_delta&identity=7");
    const asked = answer(RETRY, preview, POST);
    const asking = await look(user);
    expect(await asking.findByRole("button", { name: "Retry 22 jobs" })).toBeInTheDocument();
    expect(asked.map(({ body }) => body)).toEqual([
      { filter: { job_type: "ingest.sync_delta", identity_id: 7 }, dry_run: true },
    ]);
    const seen = within(asking.getByRole("region", { name: "Preview" }));
    expect(seen.getByText("ingest.sync_delta").closest("li")).toHaveTextContent("20");
    expect(seen.getByText("Its message was deleted.").closest("li")).toHaveTextContent("3");
    expect(seen.getByText("No worker listens on media.")).toBeInTheDocument();
    expect(seen.getByText(/Later failures aren’t included/)).toBeInTheDocument();
  });

  it("needs a reason, then acts on what was seen, and shows the run until it ends", async () => {
    const { user } = await panel();
    answer(RETRY, preview, POST);
    const asking = await look(user);
    const button = await asking.findByRole("button", { name: "Retry 22 jobs" });
    await user.click(button);
    expect(asking.getByRole("textbox", { name: "Reason" })).toHaveFocus();
    expect(asking.getByText("Enter a reason.")).toBeInTheDocument();
    const asked = answer(RETRY, accepted(), { ...POST, status: 202 });
    const run = recorded<Run>("run");
    answer("/ops/runs/{id}", {
      ...run,
      result: { retried: 20, refused: 2, not_changed: 1, left_out: [{ code: "x", reason: "Gone.", n: 2 }] },
    });
    await user.type(asking.getByRole("textbox", { name: "Reason" }), "Reddit answers again");
    await user.click(button);
    expect((await outcome()).getByText(accepted().message)).toBeInTheDocument();
    expect(await screen.findByText("20 retried, 1 failed to change")).toBeInTheDocument();
    expect(screen.getByText("2 skipped")).toBeInTheDocument();
    expect(asked[0]?.body).toEqual({
      filter: {},
      up_to_id: preview.up_to_id,
      expected: 25,
      reason: "Reddit answers again",
    });
    expect(asked[0]?.headers.get("Idempotency-Key")).toBeTruthy();
    expect(screen.queryByRole("alertdialog")).not.toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "Close" }));
    expect(screen.queryByRole("region", { name: "Bulk action on jobs" })).not.toBeInTheDocument();
  });

  it("can retry five first", async () => {
    const { user } = await panel();
    answer(RETRY, preview, POST);
    const asking = await look(user);
    await user.click(await asking.findByRole("checkbox", { name: "Retry 5 first" }));
    await user.type(asking.getByRole("textbox", { name: "Reason" }), "Try");
    const asked = answer(RETRY, accepted(), { ...POST, status: 202 });
    answer("/ops/runs/{id}", recorded<Run>("run"));
    await user.click(asking.getByRole("button", { name: "Retry 22 jobs" }));
    await outcome();
    expect(asked[0]?.body).toMatchObject({ canary: 5 });
  });

  it("says that the number has changed, and looks again", async () => {
    const { user } = await panel();
    answer(RETRY, preview, POST);
    const asking = await look(user);
    await user.type(await asking.findByRole("textbox", { name: "Reason" }), "Again");
    answer(RETRY, aPreview({ matched: 3, looked_at: 3, will_retry: 3 }), POST);
    refuse(RETRY, 409, "count_changed", "Expected 25 jobs, found 3.", {
      ...POST,
      times: 1,
      more: { matched: 3 },
    });
    await user.click(asking.getByRole("button", { name: "Retry 22 jobs" }));
    expect(await asking.findByText("Expected 25 jobs, found 3.")).toBeInTheDocument();
    expect(await asking.findByRole("button", { name: "Retry 3 jobs" })).toBeInTheDocument();
    expect(asking.getByRole("textbox", { name: "Reason" })).toHaveValue("Again");
  });

  it("says that none can be, and why", async () => {
    const { user } = await panel();
    answer(RETRY, { ...preview, matched: 3, looked_at: 3, will_retry: 0, by_type: {}, sample: [] }, POST);
    const asking = await look(user);
    expect(await asking.findByText("Its message was deleted.")).toBeInTheDocument();
    expect(asking.getByRole("button", { name: "Retry failed jobs" })).toHaveAccessibleDescription(
      "No job can be retried.",
    );
    expect(asking.queryByRole("textbox")).not.toBeInTheDocument();
  });

  it("says that the preview failed, and tries again", async () => {
    const { user } = await panel();
    refuse(RETRY, 400, "too_many", "More than 100,000 jobs match. Narrow the filter.", POST);
    const asking = await look(user);
    expect(await asking.findByText(/Narrow the filter/)).toBeInTheDocument();
    answer(RETRY, preview, POST);
    await user.click(asking.getByRole("button", { name: "Try again" }));
    expect(await asking.findByRole("button", { name: "Retry 22 jobs" })).toBeInTheDocument();
  });

  it("says when only the oldest were looked at one by one, and folds long lists", async () => {
    const { user } = await panel();
    const types = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`type.${index}`, 10]));
    answer(
      RETRY,
      { ...preview, matched: 80_000, looked_at: 10_000, will_retry: 9_000, by_type: types },
      POST,
    );
    const asking = await look(user);
    expect(await asking.findByRole("button", { name: "Retry 79,000 jobs" })).toBeInTheDocument();
    expect(asking.getByText(/oldest 10,000 were checked/)).toBeInTheDocument();
    expect(asking.getByText("22 more types")).toBeInTheDocument();
  });
});

describe("cancelling all jobs of a filter", () => {
  it("names the status of the tab, and asks for those", async () => {
    const { user } = await panel("/ops?status=queued");
    const asked = answer(
      CANCEL,
      aPreview({ matched: 2, looked_at: 2, will_retry: undefined, will_cancel: 2 }),
      POST,
    );
    const asking = await look(user, "Cancel queued jobs…");
    expect(await asking.findByRole("button", { name: "Cancel 2 jobs" })).toBeInTheDocument();
    expect(asked[0]?.body).toEqual({ filter: { status: "queued" }, dry_run: true });
    expect(asking.queryByRole("checkbox")).not.toBeInTheDocument();
    await user.click(asking.getByRole("button", { name: "Keep jobs" }));
    await waitFor(() => expect(screen.getByRole("button", { name: "Cancel queued jobs…" })).toHaveFocus());
  });
});

describe("the buttons", () => {
  const names = () =>
    screen.queryAllByRole("button", { name: /(failed|active|queued) jobs…$/ }).map((one) => one.textContent);
  beforeEach(() => void answer("/ops/jobs/counts", someCounts()));

  it("are those that fit the tab", async () => {
    await panel("/ops");
    await screen.findByRole("button", { name: "Retry failed jobs…" });
    expect(names()).toEqual(["Retry failed jobs…", "Cancel active jobs…"]);
  });

  it("aren't there for jobs that have ended well", async () => {
    await panel("/ops?status=done");
    await screen.findByRole("button", { name: "Retry job 7" });
    expect(names()).toEqual([]);
  });

  it("aren't there for somebody who may only view", async () => {
    await panel("/ops", VIEWER);
    await screen.findByRole("link", { name: "Failed 22" });
    expect(names()).toEqual([]);
  });
});
