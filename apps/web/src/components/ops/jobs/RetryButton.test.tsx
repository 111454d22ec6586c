import { screen, waitFor } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import { answer, refuse } from "../testing";
import { aJob, answerPanel, aRunningJob, CAN_CANCEL, NO, VIEWER } from "./fixtures";
import { dialog, panel, POST, retried, row } from "./testPanel";

const RETRY = "/ops/jobs/{id}/retry";

describe("retrying a job", () => {
  it("takes one click, with a key, and shows what came of it in the row, which keeps the focus", async () => {
    const job = aJob({ id: 7 });
    const { user } = await panel([job]);
    const button = await screen.findByRole("button", { name: "Retry job 7" });
    const queued = { ...job, status: "queued", can: CAN_CANCEL, last_error: null };
    answerPanel([queued]);
    const asked = answer(RETRY, retried(queued), POST);
    await user.click(button);
    expect(await row(7).findByText("Queued again.")).toBeInTheDocument();
    expect(asked[0]?.headers.get("Idempotency-Key")).toMatch(/^[0-9a-f]{32}$/);
    expect(button).toHaveFocus();
    expect(button).toHaveAttribute("aria-disabled", "true");
  });

  it("says no longer that the job is queued once it has failed again", async () => {
    const job = aJob({ id: 7 });
    const { user, queryClient } = await panel([job]);
    answer(RETRY, retried({ ...job, status: "queued", can: CAN_CANCEL }), POST);
    await user.click(await screen.findByRole("button", { name: "Retry job 7" }));
    await waitFor(() => expect(queryClient.isFetching()).toBe(0));
    await waitFor(() => expect(row(7).queryByText("Queued again.")).not.toBeInTheDocument());
    expect(row(7).getByText("Failed")).toBeInTheDocument();
  });

  it("asks for nothing twice while the first click is under way", async () => {
    const job = aJob({ id: 7 });
    const { user } = await panel([job]);
    const asked = answer(RETRY, retried(job), { ...POST, until: new Promise(() => {}) });
    const button = await screen.findByRole("button", { name: "Retry job 7" });
    await user.dblClick(button);
    await user.click(button);
    expect(asked).toHaveLength(1);
  });

  it("shows the sentence of a conflict, and the row as it is now", async () => {
    const { user } = await panel([aJob({ id: 7 })]);
    refuse(RETRY, 409, "already_active", "This job is running already.", POST);
    answerPanel([aRunningJob({ id: 7 })]);
    refuse(RETRY, 409, "already_active", "This job is running already.", POST);
    await user.click(await screen.findByRole("button", { name: "Retry job 7" }));
    expect(await row(7).findByText("This job is running already.")).toBeInTheDocument();
    expect(await row(7).findByText("Running")).toBeInTheDocument();
  });

  it("asks first where the job says that nobody knows whether it took effect", async () => {
    const sentence = "Delivery unknown. Retrying may send the message twice.";
    const job = aJob({ id: 7, can: { ...NO, retry: true, confirm: true, reason: sentence } });
    const { user } = await panel([job]);
    const asked = answer(RETRY, retried(job), POST);
    await user.click(await screen.findByRole("button", { name: "Retry job 7" }));
    const asking = await dialog();
    expect(asking.getByRole("heading", { name: "Retry job" })).toBeInTheDocument();
    expect(asking.getByText(sentence)).toBeInTheDocument();
    expect(asked).toHaveLength(0);
    await user.click(asking.getByRole("button", { name: "Retry job" }));
    await waitFor(() => expect(asked[0]?.body).toEqual({ confirm: true }));
    await waitFor(() => expect(screen.queryByRole("alertdialog")).not.toBeInTheDocument());
  });

  it("asks where the API finds out only then, and keeps the focus when that is closed", async () => {
    const { user } = await panel([aJob({ id: 7 })]);
    const asked = refuse(
      RETRY,
      409,
      "confirmation_required",
      "Delivery unknown. Confirm to send again.",
      POST,
    );
    await user.click(await screen.findByRole("button", { name: "Retry job 7" }));
    const asking = await dialog();
    expect(asking.getByText("Delivery unknown. Confirm to send again.")).toBeInTheDocument();
    expect(asked).toHaveLength(1);
    await user.click(asking.getByRole("button", { name: "Close" }));
    await waitFor(() => expect(screen.getByRole("button", { name: "Retry job 7" })).toHaveFocus());
  });

  it("says why it can't be done", async () => {
    const { user } = await panel([aJob({ id: 7, can: { ...NO, reason: "Its message was deleted." } })]);
    const asked = answer(RETRY, retried(aJob()), POST);
    const button = await screen.findByRole("button", { name: "Retry job 7" });
    expect(button).toHaveAccessibleDescription("Its message was deleted.");
    await user.click(button);
    expect(asked).toHaveLength(0);
  });

  it("says what it will run into", async () => {
    await panel([aJob({ id: 7, can: { ...NO, retry: true, warnings: ["No worker listens on media."] } })]);
    expect(await row(7).findByText("Before you retry")).toBeInTheDocument();
    expect(row(7).getByText("No worker listens on media.")).toBeInTheDocument();
  });
});

describe("a user who may only view", () => {
  it("sees no buttons but those that copy", async () => {
    const props = { messageDeleteUrl: "/messages/{message_id}" };
    const { user } = await panel([aJob({ id: 8 }), aRunningJob({ id: 7 })], VIEWER, props);
    expect(screen.queryByRole("button", { name: /Retry|Cancel|failed/ })).not.toBeInTheDocument();
    await user.click(screen.getByRole("button", { name: "More for job 8" }));
    const items = await screen.findAllByRole("menuitem");
    expect(items.map((item) => item.textContent)).toEqual(["Copy id", "Copy link", "Copy error"]);
  });
});
