// @vitest-environment node
import { expect, test } from "vitest";
import {
  firstLine,
  formatAge,
  formatBytes,
  formatCount,
  formatDuration,
  formatUtc,
  plural,
} from "./formatting";

test("numbers have separators, and what is unknown is not 0", () => {
  expect([formatCount(0), formatCount(1234567), formatCount(null)]).toEqual(["0", "1,234,567", "Unknown"]);
  expect([plural(1, "job"), plural(2200, "job"), plural(2, "identity", "identities")]).toEqual([
    "1 job",
    "2,200 jobs",
    "2 identities",
  ]);
});

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1 KiB"],
  [1536, "1.5 KiB"],
  [150 * 1024 ** 2, "150 MiB"],
  [2 ** 60, "1024 PiB"],
  [null, "Unknown"],
])("%s bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0, "0 ms"],
  [850, "850 ms"],
  [1_000, "1 s"],
  [80_000, "1 min 20 s"],
  [3_600_000, "1 h"],
  [11_100_000, "3 h 5 min"],
  [90_000_000, "1 d 1 h"],
  [null, "Unknown"],
])("%s ms are %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test.each([
  [0, "just now"],
  [-4.9, "just now"],
  [59.9, "59 s ago"],
  [60, "1 min ago"],
  [7_200, "2 h ago"],
  [172_800, "2 d ago"],
  [-90, "in 1 min"],
  [-864_000_000, "in 10,000 d"],
])("%s seconds ago is %s", (seconds, text) => {
  expect(formatAge(seconds)).toBe(text);
});

test("the first line is the first that says something", () => {
  expect([firstLine("\n  \n Boom \nmore"), firstLine(""), firstLine(null)]).toEqual(["Boom", "", ""]);
});

test("a time is shown to the second in UTC, and one that is none as it is", () => {
  expect(formatUtc("2026-01-31T09:05:09.123456+01:00")).toBe("2026-01-31 08:05:09 UTC");
  expect(formatUtc("soon")).toBe("soon");
});
