import { act, screen, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import { keys } from "../data/keys";
import { jobFilters, readParams } from "../data/urlParams";
import { JobsPanel } from "../JobsTable";
import { answer, renderOps } from "../testing";
import { aJob, answerPanel, aPage, NO } from "./fixtures";

const rows = () => screen.getAllByRole("row").slice(1);
const row = (id: number) =>
  screen.getByRole("link", { name: new RegExp(`job ${id}$`) }).closest("tr") as HTMLElement;

describe("a refresh", () => {
  const refresh = (queryClient: ReturnType<typeof renderOps>["queryClient"]) =>
    act(() =>
      queryClient.refetchQueries({ queryKey: keys.jobs(jobFilters(readParams(new URLSearchParams("")))) }),
    );

  it("announces new jobs, and brings them on request alone", async () => {
    answerPanel([aJob({ id: 5 }), aJob({ id: 4 })]);
    const { user, queryClient } = renderOps(<JobsPanel />);
    await screen.findByText("#5");
    answerPanel([aJob({ id: 8 }), aJob({ id: 7 }), aJob({ id: 6 }), aJob({ id: 5 }), aJob({ id: 4 })]);
    await refresh(queryClient);
    const show = await screen.findByRole("button", { name: "Show 3 new jobs" });
    expect(rows()).toHaveLength(2);
    await user.click(show);
    expect(rows().map((one) => one.dataset.job)).toEqual(["8", "7", "6", "5", "4"]);
  });

  it("changes a row in place and keeps the focus", async () => {
    answerPanel([aJob({ id: 5 }), aJob({ id: 4 })]);
    const { queryClient } = renderOps(<JobsPanel />);
    const link = await screen.findByRole("link", { name: /job 4$/ });
    link.focus();
    answerPanel([aJob({ id: 5 }), aJob({ id: 4, status: "done", last_error: null, can: NO })]);
    await refresh(queryClient);
    expect(await within(row(4)).findByText("Done")).toBeInTheDocument();
    expect(link).toHaveFocus();
  });

  it("leaves a job that no longer matches where it is, and follows it", async () => {
    const url = "/ops?status=failed";
    answerPanel([aJob({ id: 5 }), aJob({ id: 4 })]);
    const { queryClient } = renderOps(<JobsPanel />, { url });
    await screen.findByText("#5");
    answerPanel([aJob({ id: 5, status: "done", can: NO, last_error: null })]);
    answer("/ops/jobs", aPage([aJob({ id: 4 })]));
    await act(() => queryClient.refetchQueries({ queryKey: ["ops", "jobs", "list"] }));
    expect(await within(row(5)).findByText("Changed: no longer failed")).toBeInTheDocument();
    expect(within(row(5)).getByText("Done")).toBeInTheDocument();
    expect(rows()).toHaveLength(2);
  });
});
