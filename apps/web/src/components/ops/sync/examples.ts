import { description } from "../testing/description";

const EXAMPLES = {
  accepted: ["/ops/backup/trigger", "post", "202"],
  "backup-history": ["/ops/backup/history", "get", "200"],
  "backup-status": ["/ops/backup/status", "get", "200"],
  health: ["/ops/health", "get", "200"],
  meta: ["/ops/meta", "get", "200"],
  run: ["/ops/runs/{id}", "get", "200"],
  "sync-status": ["/ops/sync/status", "get", "200"],
} as const;

/** The description's example of an answer, which the real console has given. Each call returns a copy of its own. */
export function recorded<T>(name: keyof typeof EXAMPLES): T {
  const [path, method, status] = EXAMPLES[name];
  const content = description.paths[path]?.[method]?.responses[status]?.content?.["application/json"];
  const { examples } = content as { examples: Record<string, { value: T }> };
  return structuredClone(Object.values(examples)[0]?.value as T);
}
