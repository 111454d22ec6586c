import { useQuery } from "@tanstack/react-query";
import { ask, client } from "./client";
import { keys } from "./keys";
import { pollEvery, SLOW_MS } from "./polling";

/** The installation's overall health with its reasons, the worst first. */
export function useHealth() {
  return useQuery({
    queryKey: keys.health(),
    queryFn: ({ signal }) => ask(client.GET("/ops/health", { signal })),
    refetchInterval: pollEvery(SLOW_MS),
  });
}
