import { useQuery } from "@tanstack/react-query";
import { keys } from "./keys";
import { pollWhile } from "./polling";
import type { Run } from "./schema.generated";
import { isPending, readRun } from "./useRun";

/** One run, asked for again until it has ended. */
export function useRunProgress(id: string | null | undefined) {
  return useQuery({
    queryKey: keys.run(id ?? ""),
    enabled: Boolean(id),
    queryFn: ({ signal, client: cache }) => readRun(id ?? "", signal, cache),
    refetchInterval: pollWhile<Run>(isPending, false),
  });
}
