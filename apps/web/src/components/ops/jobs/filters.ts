/** What the list of jobs is filtered by, in words. The URL's own reading of it is in `data/urlParams`. */
import type { OpsParams } from "../data/urlParams";
import { statusWord } from "./words";

/** The statuses with a tab, in their order. One that the console doesn't know is counted, and listed, under `other`. */
export const STATUSES = ["failed", "running", "retrying", "queued", "done", "cancelled"] as const;

export const NO_FILTERS = { status: null, type: null, identity: null, page: null };

/** Whether the rows shown are only some of all jobs. The page is no filter: it hides nothing. */
export function isFiltered({ status, type, identity }: OpsParams): boolean {
  return status !== null || type !== null || identity !== null;
}

/** "failed jobs of type ingest.sync_delta of identity 7" */
export function inWords(status: string | null, { type, identity }: OpsParams, identityName?: string): string {
  const words = status === null ? "jobs" : `${statusWord(status).toLowerCase()} jobs`;
  const ofType = type === null ? "" : ` of type ${type}`;
  return `${words}${ofType}${identity === null ? "" : ` of ${identityName ?? `identity ${identity}`}`}`;
}
