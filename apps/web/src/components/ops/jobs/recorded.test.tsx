import { screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import type { JobCounts, JobDetails, JobPage, Meta } from "../data/schema.generated";
import { JobsPanel } from "../JobsTable";
import { answer, recorded, renderOps } from "../testing";
import { statusWord } from "./words";

/** What the real console has answered, as it was recorded. */
function answerAsRecorded(page: string, meta = "meta") {
  answer("/ops/meta", recorded<Meta>(meta));
  answer("/ops/jobs", recorded<JobPage>(page));
  const sheetOf = (name: string) => answer("/ops/jobs/{id}", recorded<JobDetails>(name));
  const counts = () => answer("/ops/jobs/counts", recorded<JobCounts>("counts"));
  counts();
  return { sheetOf: (name: string) => [sheetOf(name), counts()] };
}

describe("the recorded console", () => {
  it.each(["jobs", "jobs_failed", "jobs_viewer"])("has a row for each job of %s", async (name) => {
    answerAsRecorded(name, name === "jobs_viewer" ? "meta_viewer" : "meta");
    renderOps(<JobsPanel />);
    const { jobs } = recorded<JobPage>(name);
    await waitFor(() => expect(document.querySelectorAll("[data-job]")).toHaveLength(jobs.length));
    jobs.forEach((job) => {
      const row = within(document.querySelector<HTMLElement>(`[data-job="${job.id}"]`)!);
      expect(row.getAllByText(statusWord(job.status))[0]).toBeInTheDocument();
    });
    if (name === "jobs_viewer") expect(screen.queryByText("Retry job")).not.toBeInTheDocument();
  });

  it("has no jobs for filters that match none", async () => {
    answerAsRecorded("jobs_none");
    renderOps(<JobsPanel />, { url: "/ops?type=no.such" });
    expect(await screen.findByText(/No results/)).toBeInTheDocument();
  });

  it.each(["job_failed", "job_stuck", "job_running", "job_retrying", "job_done", "job_unknown_outcome"])(
    "has a sheet for %s",
    async (name) => {
      const job = recorded<JobDetails>(name);
      answerAsRecorded("jobs").sheetOf(name);
      renderOps(<JobsPanel />, { url: `/ops?job=${job.id}` });
      const sheet = within(await screen.findByRole("dialog"));
      expect(await sheet.findByText(`${job.type_title} #${job.id}`)).toBeInTheDocument();
      if (job.stuck_reason) expect(sheet.getByText(job.stuck_reason)).toBeInTheDocument();
      job.type_facts.forEach((fact) => expect(sheet.getByText(fact)).toBeInTheDocument());
      expect(sheet.queryAllByText(/^Attempt \d+$/)).toHaveLength(job.attempts_history.length);
    },
  );
});
