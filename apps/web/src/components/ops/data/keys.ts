import type { JobFilters, JobScope } from "./urlParams";

/**
 * The keys under which answers are kept. A shorter key stands for all that begin with it:
 * invalidating `keys.allJobs()` asks again for every list, the counts and the open job.
 */
export const keys = {
  all: () => ["ops"] as const,
  allJobs: () => ["ops", "jobs"] as const,
  jobs: (filters: JobFilters) => ["ops", "jobs", "list", filters] as const,
  counts: (filters: JobScope = {}) => ["ops", "jobs", "counts", filters] as const,
  job: (id: number) => ["ops", "jobs", "one", id] as const,
  runs: () => ["ops", "runs"] as const,
  run: (id: string) => ["ops", "runs", id] as const,
  sync: () => ["ops", "sync"] as const,
  backup: () => ["ops", "backup", "status"] as const,
  allBackup: () => ["ops", "backup"] as const,
  history: (page = 1) => ["ops", "backup", "history", page] as const,
  meta: () => ["ops", "meta"] as const,
  health: () => ["ops", "health"] as const,
  conversations: (identity: number | null, q = "") => ["ops", "conversations", identity, q] as const,
};
