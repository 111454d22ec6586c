import { describe, expect, it } from "vitest";

import { aJob } from "./fixtures";
import { hold, replaceJob, start } from "./heldRows";

const jobs = (...ids: number[]) => ids.map((id) => aJob({ id }));
const list = (ids: number[], next: string | null = null) => ({ jobs: jobs(...ids), next });
const full = (newest: number, next: string | null = "more") =>
  list(
    Array.from({ length: 50 }, (_, index) => newest - index),
    next,
  );

describe("rows that are held", () => {
  it("stay as they are when new jobs come, which are counted", () => {
    const held = hold(start("all", full(100)), "all", full(103));
    expect(held.ids[0]).toBe(100);
    expect(held.waiting).toBe(3);
  });

  it("change in place", () => {
    const before = start("all", list([2, 1]));
    const held = hold(before, "all", {
      jobs: [aJob({ id: 2, status: "done" }), aJob({ id: 1 })],
      next: null,
    });
    expect(held.ids).toEqual([2, 1]);
    expect(held.rows.get(2)?.status).toBe("done");
  });

  it("are marked when they no longer match, and keep what was known of them", () => {
    const held = hold(start("failed", list([3, 2, 1])), "failed", list([3, 1]));
    expect([...held.gone]).toEqual([2]);
    expect(held.rows.get(2)?.id).toBe(2);
  });

  it("aren't marked when new jobs pushed them out of the answer", () => {
    const held = hold(start("all", full(100)), "all", full(110));
    expect(held.rows.has(51)).toBe(true);
    expect(held.gone.size).toBe(0);
  });

  it("don't count older jobs that moved up as others left", () => {
    const before = start("failed", full(100));
    const after = { jobs: [...full(100).jobs.slice(1), aJob({ id: 50 })], next: "more" };
    expect(hold(before, "failed", after).waiting).toBe(0);
    expect([...hold(before, "failed", after).gone]).toEqual([100]);
  });

  it("aren't marked when they moved to the page before", () => {
    const held = hold(start("page 2", full(50)), "page 2", full(49), false);
    expect([...held.gone]).toEqual([]);
  });

  it("count an old job that matches only now, on a page that isn't full", () => {
    expect(hold(start("failed", list([9, 8])), "failed", list([9, 8, 5])).waiting).toBe(1);
  });

  it("start over for another list, and where there were none", () => {
    expect(hold(start("all", list([1])), "failed", list([7, 6])).ids).toEqual([7, 6]);
    expect(hold(start("all", list([])), "all", list([1])).ids).toEqual([1]);
  });

  it("are at most a page, although more were asked for", () => {
    expect(start("all", { jobs: full(100).jobs.concat(jobs(50, 49)), next: null }).ids).toHaveLength(50);
  });

  it("are the same object where nothing came", () => {
    const source = list([1]);
    const held = start("all", source);
    expect(hold(held, "all", source)).toBe(held);
  });
});

describe("a job that an action answered with", () => {
  it("takes the place of its row and leaves other lists alone", () => {
    const page = list([2, 1]);
    expect(replaceJob(page, aJob({ id: 1, status: "queued" }))?.jobs[1]?.status).toBe("queued");
    expect(replaceJob(page, aJob({ id: 9 }))).toBe(page);
    expect(replaceJob(undefined, aJob())).toBeUndefined();
  });
});
