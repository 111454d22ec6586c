import { keys } from "./keys";
import type { Operation, RunSummary } from "./schema.generated";

// What the server's prefetch and the browser's hook must agree on.

/** What this page calls a backfill, by the names in the audit log. */
export const BACKFILLS = [
  "backfill.trigger",
  "redownload_attachments.trigger",
] as const satisfies readonly Operation[];
export const NEWEST_BACKFILLS = 20;

export const backfillRunsKey = [...keys.runs(), "backfill"] as const;

/** One list of the pages of each operation, newest first. */
export function mergeRuns(pages: readonly { runs: RunSummary[] }[]): RunSummary[] {
  return pages.flatMap((page) => page.runs).sort((a, b) => b.created_at.localeCompare(a.created_at));
}
