import { useQuery } from "@tanstack/react-query";
import { ask, client } from "./client";
import { keys } from "./keys";
import { CALM_MS, pollEvery } from "./polling";
import type { Meta } from "./schema.generated";

/** Who the caller is, what they may do, what this installation supports, and its thresholds. */
export function useMeta() {
  return useQuery({
    queryKey: keys.meta(),
    queryFn: ({ signal }) => ask(client.GET("/ops/meta", { signal })),
    staleTime: 5 * CALM_MS,
    refetchInterval: pollEvery(5 * CALM_MS),
  });
}

/** Whether the user may do something; false until it is known, so that no button appears that then goes away. */
export function useMay(ability: keyof Meta["may"]): boolean {
  return useMeta().data?.may[ability] === true;
}
