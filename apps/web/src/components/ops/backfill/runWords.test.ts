import { describe, expect, test } from "vitest";
import { aJob, aPendingRun, aRun, summaryOf } from "../testing/runs";
import { errorsOf, jobState, runState, sumsOf } from "./runWords";

describe("How a run stands", () => {
  test.each([
    ["queued", { queued: 2 }, 0],
    ["running", { queued: 1, running: 1 }, 0],
    ["running", { queued: 1, done: 1 }, 0],
    ["retrying", { retrying: 1, done: 1 }, 0],
    ["cancelling", { running: 2 }, 1],
  ])("is %s while it is pending with %o and %i cancelling", (state, by_status, cancelling) => {
    expect(runState(aPendingRun({ by_status, cancelling, job_count: 2 }))).toBe(state);
  });

  test.each([
    ["cancelled", { cancelled: 3 }],
    ["partly_cancelled", { cancelled: 1, done: 2 }],
    ["partly_failed", { failed: 1, done: 2 }],
    ["partly_failed", { failed: 1, done: 1, cancelled: 1 }],
    ["failed", { failed: 3 }],
    ["failed", { failed: 1, cancelled: 2 }],
    ["failed", { gone: 3 }],
  ])("is %s after a failure with %o", (state, by_status) => {
    expect(runState(aRun({ status: "failure", by_status, job_count: 3 }))).toBe(state);
  });

  test("is done only where no job left an error", () => {
    expect(runState(aRun())).toBe("done");
    expect(runState(aRun({ result: { errors: ["Image 5 is gone."] } }))).toBe("done_with_errors");
    expect(runState(aRun({ jobs: [aJob({ outcome: "partial" })] }))).toBe("done_with_errors");
    expect(runState(aRun({ jobs: [aJob({ outcome: "skipped" })] }))).toBe("skipped");
  });

  test("is not called done from the list alone, which knows no errors", () => {
    expect(runState(summaryOf(aRun()))).toBe("ended");
  });

  test("is told of a job by its outcome, and a status that is new stays as it is", () => {
    expect(jobState(aJob({ status: "running", cancel_requested_at: "2026-11-30T04:57:21Z" }))).toBe(
      "cancelling",
    );
    expect(jobState(aJob({ status: "cancelled", cancel_requested_at: "2026-11-30T04:57:21Z" }))).toBe(
      "cancelled",
    );
    expect(jobState(aJob({ status: "done", outcome: "partial" }))).toBe("done_with_errors");
    expect(jobState(aJob({ status: "archived" }))).toBe("archived");
  });
});

describe("What a run brought", () => {
  test("shows known numbers first and unknown ones by their own names, but no second name of the same", () => {
    const sums = sumsOf({
      status: "success",
      zebra_count: 4,
      failed: 1,
      downloaded: 2,
      attachments_created: 2,
      already_exists: 0,
      skipped: 0,
      errors: [],
    });
    expect(sums.map(({ label, value }) => [label, value])).toEqual([
      ["Downloaded", 2],
      ["Skipped", 0],
      ["Failed", 1],
      ["Zebra count", 4],
    ]);
  });

  test("leaves out what is no number and no text", () => {
    const odd = { nested: { a: 1 }, list: [1], nothing: null, "": 5, note: "late" } as never;
    expect(sumsOf(odd).map(({ label }) => label)).toEqual(["Unnamed", "Note"]);
    expect(sumsOf(null)).toEqual([]);
  });

  test("reads errors that are no texts", () => {
    expect(errorsOf({ errors: ["a", { code: 5 }] } as never)).toEqual(["a", '{"code":5}']);
    expect(errorsOf({ errors: 3 } as never)).toEqual([]);
  });
});
