import type {
  BackupKind,
  BackupSchedule,
  BackupStatus,
  KindState,
  RestoreTest,
} from "../data/schema.generated";

const KINDS: Record<string, string> = { database: "Database", attachments: "Attachments" };

const OUTCOMES: Record<string, string> = {
  running: "Running",
  succeeded: "Succeeded",
  passed: "Passed",
  failed: "Failed",
  could_not_verify: "Could not verify",
};

const FILES: Record<string, string> = {
  kept: "Kept",
  removed: "Removed by retention",
  missing: "Missing",
  unreachable: "Unreachable",
};

const TRIGGERS: Record<string, string> = { manual: "Manual", scheduled: "Scheduled" };

function readable(word: string): string {
  const spaced = word.replaceAll("_", " ").trim();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

function wordOf(words: Record<string, string>, key: string | null | undefined): string {
  return key ? (words[key] ?? readable(key)) : "Unknown";
}

export const kindWord = (kind: string | null) => wordOf(KINDS, kind);
export const outcomeWord = (status: string | null) => wordOf(OUTCOMES, status);
export const triggerWord = (trigger: string | null) => wordOf(TRIGGERS, trigger);

/** Return what is known of a backup's file. Only the core knows about the files that it keeps. */
export function fileWords(file: string | null, inCore: boolean): string {
  return file === null && inCore ? "Kept by the core" : wordOf(FILES, file);
}

/** Return the kinds that something is known of, in the console's order. */
export function kindsOf(status: BackupStatus): [BackupKind, KindState][] {
  return (["database", "attachments"] as const).map((kind) => [kind, status.kinds[kind]]);
}

/** Return why no next one is expected, in a word or two. */
export function noNext(schedule: BackupSchedule | null | undefined, { inCore = false } = {}): string {
  if (!schedule) return "Unknown";
  // The core's own beat may start one, whatever the schedules here do.
  if (inCore && (schedule.scheduled === "missing" || schedule.scheduled === "off")) return "Made by the core";
  const words: Record<string, string> = {
    off: "None: schedule off",
    paused: "None: schedules paused",
    broken: "None: schedule broken",
    missing: "None: no schedule",
  };
  return words[schedule.scheduled] ?? "Unknown";
}

/** Return how many checks passed, in words. */
export function checksWords(test: RestoreTest): string {
  if (test.checks_total === 0) return "No checks";
  return `${test.checks_passed} of ${test.checks_total} checks passed`;
}

/** Return a check's value as text; an object, which no check has today, as JSON. */
export function valueText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return value;
  if (typeof value === "number") return value.toLocaleString("en-US");
  return JSON.stringify(value);
}
