import { useQuery } from "@tanstack/react-query";
import { ask, client } from "./client";
import { keys } from "./keys";
import { pollWhile } from "./polling";
import type { Run } from "./schema.generated";

/** One run, asked for again until it has ended. */
export function useRunProgress(id: string | null | undefined) {
  return useQuery({
    queryKey: keys.run(id ?? ""),
    enabled: Boolean(id),
    queryFn: ({ signal }) =>
      ask(client.GET("/ops/runs/{id}", { params: { path: { id: id ?? "" } }, signal })),
    refetchInterval: pollWhile<Run>((run) => run.status === "pending", false),
  });
}
