import { screen, waitFor, within } from "@testing-library/react";
import { http, HttpResponse } from "msw";
import { describe, expect, it } from "vitest";

import { answer, refuse, type renderOps, server } from "../testing";
import { aJob, aRunningJob, CAN_CANCEL, detailsOf, NO } from "./fixtures";
import { dialog, ended, panel, POST, row } from "./testPanel";

const CANCEL = "/ops/jobs/{id}/cancel";
const FAIL = "/ops/jobs/{id}/fail";

describe("cancelling a job", () => {
  it("asks once, says what it does, and keeps the reason", async () => {
    const job = aRunningJob({ id: 7, status: "queued" });
    const { user } = await panel([job]);
    const asked = answer(
      CANCEL,
      ended({ ...job, status: "cancelled", can: NO }, { message: "Cancelled." }),
      POST,
    );
    await user.click(await screen.findByRole("button", { name: "Cancel job 7" }));
    const asking = await dialog();
    expect(asking.getByText("Cancels the job before it runs.")).toBeInTheDocument();
    await user.type(asking.getByRole("textbox", { name: "Reason" }), "Not needed{Enter}");
    expect(await row(7).findByText("Cancelled.")).toBeInTheDocument();
    expect(asked[0]?.body).toEqual({ reason: "Not needed" });
  });

  it("keeps the job on request", async () => {
    const { user } = await panel([aRunningJob({ id: 7 })]);
    const asked = answer(CANCEL, ended(aRunningJob({ id: 7 })), POST);
    await user.click(await screen.findByRole("button", { name: "Cancel job 7" }));
    await user.click((await dialog()).getByRole("button", { name: "Keep job" }));
    await waitFor(() => expect(screen.queryByRole("alertdialog")).not.toBeInTheDocument());
    expect(asked).toHaveLength(0);
  });

  it("terminates from the menu where that is possible, and says what it may hit", async () => {
    const job = aRunningJob({ id: 7, can: { ...CAN_CANCEL, terminate: true } });
    const { user } = await panel([job]);
    const asked = answer(
      CANCEL,
      ended({ ...job, status: "cancelled", can: NO }, { warning: "It may go on." }),
      POST,
    );
    await user.click(await screen.findByRole("button", { name: "More for job 7" }));
    await user.click(await screen.findByRole("menuitem", { name: "Terminate job…" }));
    const asking = await dialog();
    expect(asking.getByText(/Kills the process/)).toBeInTheDocument();
    await user.click(asking.getByRole("button", { name: "Terminate job" }));
    expect(await row(7).findByText(/It may go on\./)).toBeInTheDocument();
    expect(asked[0]?.body).toEqual({ terminate: true });
    await waitFor(() => expect(screen.getByRole("button", { name: "More for job 7" })).toHaveFocus());
  });

  it("says in its dialog that the job has changed, and that it is too late", async () => {
    const job = aRunningJob({ id: 7 });
    const { user } = await panel([job]);
    answer("/ops/jobs/{id}", detailsOf({ ...job, status: "done", can: NO }));
    const asked = answer(CANCEL, ended(job), POST);
    await user.click(await screen.findByRole("button", { name: "Cancel job 7" }));
    const asking = await dialog();
    expect(await asking.findByText("This job changed: Running → Done.")).toBeInTheDocument();
    const button = asking.getByRole("button", { name: "Cancel job" });
    expect(button).toHaveAccessibleDescription("This job is done now.");
    await user.click(button);
    expect(asked).toHaveLength(0);
  });

  it("leaves its dialog open with the sentence of a refusal", async () => {
    const { user } = await panel([aRunningJob({ id: 7 })]);
    refuse(CANCEL, 409, "already_cancelling", "This job is being cancelled already.", POST);
    await user.click(await screen.findByRole("button", { name: "Cancel job 7" }));
    await user.click((await dialog()).getByRole("button", { name: "Cancel job" }));
    expect(await (await dialog()).findByRole("alert")).toHaveTextContent(
      "This job is being cancelled already.",
    );
  });
});

describe("marking a stuck job as failed", () => {
  const can = { ...CAN_CANCEL, fail: true };
  const stuck = aRunningJob({ id: 7, stuck: true, stuck_reason: "Past its lease.", can });

  it("needs a reason", async () => {
    const { user } = await panel([stuck]);
    const asked = answer(FAIL, ended({ ...stuck, status: "failed" }, { message: "Marked as failed." }), POST);
    await user.click(await screen.findByRole("button", { name: "Mark as failed: job 7" }));
    const asking = await dialog();
    await user.click(asking.getByRole("button", { name: "Mark as failed" }));
    const reason = asking.getByRole("textbox", { name: "Reason" });
    expect(reason).toHaveAccessibleDescription("Enter a reason.");
    expect(reason).toHaveFocus();
    expect(asked).toHaveLength(0);
    await user.type(reason, "Its worker is gone");
    await user.click(asking.getByRole("button", { name: "Mark as failed" }));
    expect(await row(7).findByText("Marked as failed.")).toBeInTheDocument();
    expect(asked[0]?.body).toEqual({ reason: "Its worker is gone" });
  });

  it("isn't offered for a job that isn't stuck", async () => {
    await panel([aRunningJob({ id: 7 })]);
    await screen.findByRole("button", { name: "Cancel job 7" });
    expect(screen.queryByRole("button", { name: /Mark as failed/ })).not.toBeInTheDocument();
  });
});

describe("deleting a failed message", () => {
  const job = aJob({
    id: 7,
    job_type: "message.send_manual",
    payload: { message_id: 55, conversation_id: 31 },
  });
  const props = { messageDeleteUrl: "/api/core/messages/{message_id}" };
  const menu = async (user: ReturnType<typeof renderOps>["user"]) => {
    await screen.findByRole("button", { name: "Retry job 7" });
    await user.click(screen.getByRole("button", { name: "More for job 7" }));
    return within(await screen.findByRole("menu"));
  };

  it("calls the host application's own route", async () => {
    const { user } = await panel([job], {}, props);
    const deleted: string[] = [];
    server.use(
      http.delete("*/api/core/messages/:id", ({ params }) => {
        deleted.push(String(params.id));
        return new HttpResponse(null, { status: 204 });
      }),
    );
    await user.click((await menu(user)).getByRole("menuitem", { name: "Delete message…" }));
    const asking = await dialog();
    expect(asking.getByText(/can’t be undone/)).toBeInTheDocument();
    await user.click(asking.getByRole("button", { name: "Delete message" }));
    expect(await row(7).findByText("Message deleted.")).toBeInTheDocument();
    expect(deleted).toEqual(["55"]);
  });

  it("shows why it failed", async () => {
    const { user } = await panel([job], {}, props);
    server.use(
      http.delete("*/api/core/messages/:id", () =>
        HttpResponse.json({ detail: "No such message." }, { status: 404 }),
      ),
    );
    await user.click((await menu(user)).getByRole("menuitem", { name: "Delete message…" }));
    await user.click((await dialog()).getByRole("button", { name: "Delete message" }));
    expect(await (await dialog()).findByRole("alert")).toHaveTextContent("No such message.");
  });

  it("isn't offered where the host application has no such route", async () => {
    const { user } = await panel([job]);
    expect((await menu(user)).queryByRole("menuitem", { name: /Delete/ })).not.toBeInTheDocument();
  });
});
