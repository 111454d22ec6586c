import { describe, expect, it } from "vitest";

import { readParams } from "../data/urlParams";
import { fill, offersOf } from "./actions";
import { consequence } from "./consequences";
import { inWords, isFiltered } from "./filters";
import { aJob, aRunningJob, CAN_CANCEL, CAN_RETRY, NO } from "./fixtures";
import {
  conversationOf,
  handedOverText,
  messageOf,
  nextAttempt,
  rangeText,
  statusWord,
  totalText,
} from "./words";

const params = (query: string) => readParams(new URLSearchParams(query));
const EVERYTHING = { retry: true, cancel: true, terminate: true, fail: true, delete: true };

describe("the total", () => {
  it("says whether it was counted, estimated or capped", () => {
    expect(totalText({ total: 20115, total_is: "exact" })).toBe("20,115");
    expect(totalText({ total: 20115, total_is: "estimated" })).toBe("about 20,115");
    expect(totalText({ total: 10000, total_is: "capped" })).toBe("10,000 or more");
  });

  it("stands behind the rows of the page", () => {
    expect(rangeText({ total: 120, total_is: "exact" }, 2, 50)).toBe("Jobs 51–100 of 120");
    expect(rangeText({ total: 101, total_is: "exact" }, 3, 1)).toBe("Job 101 of 101");
  });
});

describe("the next attempt", () => {
  const waiting = { status: "retrying", attempts: 1, max_attempts: 3, handed_over: null };

  it("has a number, and never one above the last", () => {
    expect(nextAttempt(waiting)).toBe("Attempt 2 of 3");
    expect(nextAttempt({ ...waiting, attempts: 3 })).toBe("Attempt 4 of 4");
  });

  it("has none where its own worker tries again", () => {
    expect(nextAttempt({ ...waiting, handed_over: "retrying" })).toBe("Next try");
  });

  it("isn't expected of a job that runs or has ended", () => {
    expect(nextAttempt({ ...waiting, status: "running" })).toBeNull();
    expect(nextAttempt({ ...waiting, status: "failed" })).toBeNull();
  });
});

describe("ids in a payload", () => {
  it("are links only where they are ids", () => {
    expect(conversationOf(aJob({ payload: { conversation_id: 31 } }))).toBe(31);
    expect(messageOf(aJob({ payload: { message_id: 7 } }))).toBe(7);
    for (const odd of ["../../login", -1, 1.5, null, [], { a: 1 }, true]) {
      expect(conversationOf(aJob({ payload: { conversation_id: odd } }))).toBeNull();
    }
  });
});

describe("what can be done with a job", () => {
  const kinds = (job: Parameters<typeof offersOf>[0], may = EVERYTHING) =>
    offersOf(job, may, undefined, true).map(({ kind, allowed }) => `${kind} ${allowed}`);

  it("is nothing where the browser has rounded its id", () => {
    expect(kinds(aJob({ id: 2 ** 53, can: CAN_RETRY }))).toEqual([]);
  });

  it("follows the job", () => {
    expect(kinds(aJob({ can: CAN_RETRY }))).toEqual(["retry true"]);
    expect(kinds(aJob({ job_type: "message.send_manual", can: CAN_RETRY }))).toEqual([
      "retry true",
      "delete true",
    ]);
    expect(kinds(aRunningJob({ can: { ...CAN_CANCEL, terminate: true } }))).toEqual([
      "cancel true",
      "terminate true",
    ]);
    expect(kinds(aRunningJob({ stuck: true, can: { ...NO, fail: true } }))).toEqual([
      "fail true",
      "cancel false",
    ]);
    expect(kinds(aJob({ status: "done", can: NO }))).toEqual([]);
  });

  it("leaves out what the user may not do", () => {
    const nothing = { retry: false, cancel: false, terminate: false, fail: false, delete: false };
    expect(kinds(aJob({ can: CAN_RETRY }), nothing)).toEqual([]);
  });

  it("says why a failed job can't be retried", () => {
    const [offer] = offersOf(
      aJob({ can: { ...NO, reason: "Its message was deleted." } }),
      EVERYTHING,
      undefined,
      false,
    );
    expect(offer).toEqual({ kind: "retry", allowed: false, reason: "Its message was deleted." });
  });

  it("keeps the button that was used, switched off, since it holds the focus", () => {
    const note = { kind: "retry", tone: "done", text: "Queued again." } as const;
    const offers = offersOf(aRunningJob({ status: "queued" }), EVERYTHING, note, false);
    expect(offers[0]).toEqual({ kind: "retry", allowed: false, reason: "This job is queued." });
    expect(offers[1]?.kind).toBe("cancel");
  });
});

describe("what cancelling does", () => {
  it("depends on who runs the job", () => {
    expect(consequence("cancel", aRunningJob({ status: "queued" }))).toMatch(/before it runs/);
    expect(consequence("cancel", aRunningJob())).toBe("Cancels the job. Its task may still finish.");
    expect(consequence("cancel", aRunningJob({ can: { ...CAN_CANCEL, terminate: true } }))).toMatch(
      /may still finish/,
    );
  });
});

describe("filters", () => {
  it("are none of the page's business", () => {
    expect(isFiltered(params("page=3&job=9"))).toBe(false);
    expect(isFiltered(params("type=media.transcode"))).toBe(true);
    expect(isFiltered(params("identity=7"))).toBe(true);
  });

  it("have words", () => {
    expect(inWords("failed", params("type=media.transcode&identity=7"))).toBe(
      "failed jobs of type media.transcode of identity 7",
    );
    expect(inWords(null, params("identity=7"), "Alice")).toBe("jobs of Alice");
  });
});

it("a template is filled only where all of its values are known", () => {
  expect(fill("/api/core/messages/{message_id}", { message_id: 7 })).toBe("/api/core/messages/7");
  expect(fill("/api/core/messages/{message_id}", { message_id: null })).toBeNull();
  expect(fill("/x/{other}", { message_id: 7 })).toBeNull();
  expect(fill(undefined, { message_id: 7 })).toBeNull();
});

it("words that the page doesn't know are shown as they are", () => {
  expect(statusWord("parked")).toBe("parked");
  expect(handedOverText("beamed")).toBe("beamed");
  expect(handedOverText(null)).toBeNull();
});
