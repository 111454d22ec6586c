import type { Job, JobCounts, JobDetails, JobPage, MatchingPreview, Meta } from "../data/schema.generated";
import { answer } from "../testing";
import { description } from "../testing/description";

/** What the console has answered, with what a test changes. Each changed body is checked against the description. */

const RECORDED = {
  page: ["/ops/jobs", "get", "200"],
  details: ["/ops/jobs/{id}", "get", "200"],
  counts: ["/ops/jobs/counts", "get", "200"],
  meta: ["/ops/meta", "get", "200"],
  preview: ["/ops/jobs/retry", "post", "200"],
  accepted: ["/ops/jobs/retry", "post", "202"],
  retried: ["/ops/jobs/{id}/retry", "post", "200"],
  cancelled: ["/ops/jobs/{id}/cancel", "post", "200"],
  failed: ["/ops/jobs/{id}/fail", "post", "200"],
  run: ["/ops/runs/{id}", "get", "200"],
} as const;

/** The description's example, which the real console has answered. */
export function recorded<T>(name: keyof typeof RECORDED): T {
  const [path, method, status] = RECORDED[name];
  const content = description.paths[path]?.[method]?.responses[status]?.content?.["application/json"];
  const { examples } = content as { examples: Record<string, { value: T }> };
  return structuredClone(Object.values(examples)[0]?.value as T);
}

export const NO = { retry: false, cancel: false, terminate: false, fail: false };
export const CAN_RETRY = { ...NO, retry: true };
export const CAN_CANCEL = { ...NO, cancel: true };

/** A failed job of an identity that can be retried. */
export function aJob(changes: Partial<Job> = {}): Job {
  const [job] = recorded<JobPage>("page").jobs;
  if (job === undefined) throw new Error("The recorded page has no job.");
  return { ...job, can: CAN_RETRY, ...changes };
}

export function aRunningJob(changes: Partial<Job> = {}): Job {
  return aJob({ status: "running", last_error: null, handed_over: "running", can: CAN_CANCEL, ...changes });
}

export function someDetails(changes: Partial<JobDetails> = {}): JobDetails {
  return { ...recorded<JobDetails>("details"), can: CAN_RETRY, ...changes };
}

/** The details that go with a row. */
export function detailsOf(job: Job, changes: Partial<JobDetails> = {}): JobDetails {
  return { ...someDetails(), ...job, ...changes };
}

export function aPage(jobs: Job[], changes: Partial<JobPage> = {}): JobPage {
  const page = recorded<JobPage>("page");
  return { ...page, jobs, total: jobs.length, total_is: "exact", next: null, previous: null, ...changes };
}

export function someCounts(changes: Partial<JobCounts> = {}): JobCounts {
  return { ...recorded<JobCounts>("counts"), ...changes };
}

export function someMeta(may: Partial<Meta["may"]> = {}): Meta {
  const meta = recorded<Meta>("meta");
  return { ...meta, may: { ...meta.may, ...may } };
}

export const VIEWER = { retry: false, cancel: false, terminate: false, fail: false };

export function aPreview(changes: Partial<MatchingPreview> = {}): MatchingPreview {
  return { ...recorded<MatchingPreview>("preview"), ...changes };
}

/** Say what the panel asks for first; returns the requests for the list. */
export function answerPanel(jobs: Job[], { page = {}, counts = {}, may = {} }: Setting = {}) {
  answer("/ops/meta", someMeta(may));
  answer("/ops/jobs/counts", someCounts(counts));
  answer("/ops/jobs/{id}", ({ url }: { url: URL }) => {
    const job = jobs.find(({ id }) => url.pathname.endsWith(`/${id}`));
    return job ? detailsOf(job) : someDetails();
  });
  // The last one said is asked first, and {id} would take the counts' path.
  answer("/ops/jobs/counts", someCounts(counts));
  return answer("/ops/jobs", aPage(jobs, page));
}

interface Setting {
  page?: Partial<JobPage>;
  counts?: Partial<JobCounts>;
  may?: Partial<Meta["may"]>;
}
