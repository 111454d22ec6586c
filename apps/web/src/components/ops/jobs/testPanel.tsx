import { screen, waitFor, within } from "@testing-library/react";
import { expect } from "vitest";

import type { Job, JobEnded, JobRetried, Meta } from "../data/schema.generated";
import { JobsPanel } from "../JobsTable";
import { renderOps } from "../testing";
import { answerPanel, recorded } from "./fixtures";

/** What the tests of the panel's actions share. */

export const POST = { method: "post" } as const;

export const row = (id: number) => within(document.querySelector<HTMLElement>(`[data-job="${id}"]`)!);

/** The dialog, once it takes clicks: it is drawn a moment before. */
export async function dialog() {
  const found = await screen.findByRole("alertdialog");
  await waitFor(() => expect(found).toHaveStyle({ pointerEvents: "auto" }));
  return within(found);
}

/** The panel with these jobs, once they are there. */
export async function panel(jobs: Job[], may: Partial<Meta["may"]> = {}, props = {}) {
  answerPanel(jobs, { may });
  const result = renderOps(<JobsPanel {...props} />);
  await screen.findByText(`#${jobs[0]?.id}`);
  return result;
}

export const retried = (job: Job): JobRetried => ({ ...recorded<JobRetried>("retried"), id: job.id, job });

export const ended = (job: Job, changes: Partial<JobEnded> = {}): JobEnded => ({
  ...recorded<JobEnded>("cancelled"),
  id: job.id,
  status: job.status,
  job,
  warning: null,
  ...changes,
});
