/**
 * Rows stay where they are while somebody reads them.
 *
 * The page that was loaded first is held: a refresh changes its rows in place and adds or removes none. New rows are
 * counted and wait for a click. A row that no longer matches the filter stays, marked as such.
 */
import type { Job } from "../data/schema.generated";
import { PAGE_SIZE } from "../data/urlParams";

export interface JobList {
  jobs: Job[];
  next: string | null;
}

export interface Held {
  /** Which list this is: other filters or another page start over. */
  key: string;
  /** The answer that was merged last. */
  source: JobList;
  ids: number[];
  rows: ReadonlyMap<number, Job>;
  /** How many jobs are in the answer and not among the rows. */
  waiting: number;
  /** Rows that the answer would hold if they still matched. */
  gone: ReadonlySet<number>;
}

export function hold(held: Held | null, key: string, source: JobList, isFirstPage = true): Held {
  if (held?.key !== key) return start(key, source);
  if (held.source === source) return held;
  if (held.ids.length === 0) return start(key, source);
  const incoming = new Map(source.jobs.map((job) => [job.id, job]));
  const rows = new Map(held.ids.map((id) => [id, (incoming.get(id) ?? held.rows.get(id)) as Job]));
  const lowest = Math.min(...held.ids);
  // Below the lowest row are older jobs that moved up as others left; on a page that isn't full, there were none.
  const isNew = (id: number) => !rows.has(id) && (id > lowest || held.ids.length < PAGE_SIZE);
  // Beyond the answer's ends, a row may match still: new jobs pushed it to the page after, or others that left pulled it
  // to the page before.
  const answered = source.jobs.map((job) => job.id);
  const from = source.next === null ? -Infinity : Math.min(...answered);
  const to = isFirstPage ? Infinity : Math.max(...answered);
  return {
    key,
    source,
    ids: held.ids,
    rows,
    waiting: source.jobs.filter((job) => isNew(job.id)).length,
    gone: new Set(held.ids.filter((id) => !incoming.has(id) && id >= from && id <= to)),
  };
}

/** Show the answer as it is, with what waited. */
export function start(key: string, source: JobList): Held {
  const jobs = source.jobs.slice(0, PAGE_SIZE);
  return {
    key,
    source,
    ids: jobs.map((job) => job.id),
    rows: new Map(jobs.map((job) => [job.id, job])),
    waiting: 0,
    gone: new Set(),
  };
}

/** Put a job that an action answered with into its row. */
export function replaceJob<Page extends JobList>(page: Page | undefined, job: Job): Page | undefined {
  if (!page?.jobs.some((row) => row.id === job.id)) return page;
  return { ...page, jobs: page.jobs.map((row) => (row.id === job.id ? job : row)) };
}
