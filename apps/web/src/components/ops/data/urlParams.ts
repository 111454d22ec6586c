/** The page's state that can be shared: what its URL says. */
export type OpsParams = {
  /** Of the jobs list; several with commas. */
  status: string | null;
  /** Of the jobs list: a job type. */
  type: string | null;
  /** Of the jobs list, from 1. */
  page: number;
  /** The identity that is chosen for a sync or a backfill, and that the jobs list is filtered by. */
  identity: number | null;
  /** The job that is open in the side sheet. */
  job: number | null;
  /** The conversation that is chosen for a backfill. */
  conversation: number | null;
  /** The sync status shows inactive identities too. */
  inactive: boolean;
  /** Of the history of backups: `backup` or `restore_test`. */
  backup_type: string | null;
  /** Of the history of backups: `database` or `attachments`. */
  backup_kind: string | null;
  /** Of the history of backups, from 1. */
  backup_page: number;
};

export type OpsChange = Partial<Record<keyof OpsParams, string | number | null>>;

export const PAGE_SIZE = 50;

/** Type, not interface: it becomes the query of a call as it is. */
export type JobFilters = JobScope & { status?: string; limit: number; offset: number };

/** The filters that the counts share with the list. */
export type JobScope = { job_type?: string; identity_id?: number };

type Readable = { get(name: string): string | null };

function numberOf(params: Readable, name: string): number | null {
  const text = params.get(name);
  if (!text || !/^[1-9]\d{0,15}$/.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}

/** Reads the page's state from a URL's query. What can't be is as if it were absent. */
export function readParams(params: Readable): OpsParams {
  return {
    status: params.get("status") || null,
    type: params.get("type") || null,
    page: numberOf(params, "page") ?? 1,
    identity: numberOf(params, "identity"),
    job: numberOf(params, "job"),
    conversation: numberOf(params, "conversation"),
    inactive: params.get("inactive") === "1",
    backup_type: params.get("backup_type") || null,
    backup_kind: params.get("backup_kind") || null,
    backup_page: numberOf(params, "backup_page") ?? 1,
  };
}

/** The filters of GET /ops/jobs. The server's prefetch and the browser must make the same ones of a URL. */
export function jobFilters(params: OpsParams): JobFilters {
  const { status, page } = params;
  return {
    ...(status ? { status } : {}),
    ...countFilters(params),
    limit: PAGE_SIZE,
    offset: (page - 1) * PAGE_SIZE,
  };
}

/** The filters of GET /ops/jobs/counts. */
export function countFilters({ type, identity }: OpsParams): JobScope {
  return { ...(type ? { job_type: type } : {}), ...(identity ? { identity_id: identity } : {}) };
}

/** The query of a URL after a change, with the question mark; empty where nothing is left. */
export function changedSearch(search: string, change: OpsChange): string {
  const params = new URLSearchParams(search);
  for (const [name, value] of Object.entries(change)) {
    if (
      value === null ||
      value === undefined ||
      value === "" ||
      (name.endsWith("page") && Number(value) === 1)
    )
      params.delete(name);
    else params.set(name, String(value));
  }
  const text = params.toString();
  return text ? `?${text}` : "";
}
