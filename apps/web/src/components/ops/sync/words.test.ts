import { describe, expect, it } from "vitest";

import type { SyncStatus } from "../data/schema.generated";
import { minutesOf, wrongMinutes } from "./minutes";
import { attemptWord, credentialWords, noNextSync, scheduleWords, sourceWords, stateWord } from "./words";

const base = {
  is_active: true,
  last_sync_source: null,
  last_sync_status: null,
  schedule: "every 10 minutes",
  scheduled: "on",
  schedule_is_own: false,
  credential: { status: "present", types: [], connected_at: null, rotated_at: null },
  health: { state: "on_track", status: "ok", reasons: [] },
} as unknown as SyncStatus;

describe("schedules in words", () => {
  it.each([
    [{}, "Default schedule, every 10 minutes"],
    [{ schedule_is_own: true }, "Own schedule, every 10 minutes"],
    [{ scheduled: "off" }, "Off (default schedule, every 10 minutes)"],
    [{ scheduled: "paused" }, "Paused with all schedules (default schedule, every 10 minutes)"],
    [{ scheduled: "broken", schedule_is_own: true }, "Broken: own schedule never runs"],
    [{ scheduled: "missing", schedule: null }, "No schedule"],
    [{ scheduled: "elsewhere", schedule: null }, "Not scheduled here"],
    [{ scheduled: "by_the_moon", schedule: null }, "By the moon"],
  ])("%j reads %s", (change, words) => {
    expect(scheduleWords({ ...base, ...change } as SyncStatus)).toBe(words);
  });

  it.each([
    [{}, "Unknown"],
    [{ is_active: false }, "None: inactive"],
    [{ scheduled: "elsewhere" }, "Unknown: not scheduled here"],
    [{ scheduled: "missing" }, "None: no schedule"],
  ])("without a next sync, %j reads %s", (change, words) => {
    expect(noNextSync({ ...base, ...change } as SyncStatus)).toBe(words);
  });
});

describe("evidence in words", () => {
  it.each([
    ["job", "from a job"],
    ["result", "from a Celery result"],
    ["message", "from the newest message"],
    [null, null],
  ])("a last sync of %s reads %s", (source, words) => {
    expect(sourceWords({ ...base, last_sync_source: source } as SyncStatus)).toBe(words);
  });

  it.each([
    ["partial", "Partly failed"],
    [null, "Unknown"],
    ["half_done", "Half done"],
  ])("an attempt that ended %s reads %s", (outcome, words) => {
    expect(attemptWord({ ...base, last_sync_status: outcome })).toBe(words);
  });

  it("says of a refused credential that the provider refuses it, though it is present", () => {
    const reasons = [{ code: "credential_rejected", message: "" }];
    expect(credentialWords({ ...base, health: { ...base.health, reasons } })).toBe("Refused by the provider");
    expect(credentialWords(base)).toBe("Connected");
  });

  it("doesn't call an identity plainly on track that has a warning", () => {
    expect(stateWord(base)).toBe("On track");
    expect(stateWord({ ...base, health: { ...base.health, status: "warning" } })).toBe(
      "On track, with notes",
    );
  });
});

describe("minutes", () => {
  it.each([
    ["every 15 minutes", 15],
    ["every minute", 1],
    ["every 2 hours", 120],
    ["every 1,440 minutes", 1_440],
    ["every day", 1_440],
    ["at 03:00 on Mondays", null],
    [null, null],
  ])("%s is %s", (words, minutes) => {
    expect(minutesOf(words)).toBe(minutes);
  });

  it.each(["0", "10081", "1.5", "", " ", "-3", "x"])("refuses “%s”", (text) => {
    expect(wrongMinutes(text)).toContain("1 to 10,080");
  });

  it.each(["1", "10080"])("allows “%s”", (text) => {
    expect(wrongMinutes(text)).toBeNull();
  });
});
