import { useQuery } from "@tanstack/react-query";

import { jobQuery } from "./useJobs";

/** One job with its attempts and its whole error. */
export function useJob(id: number) {
  return useQuery(jobQuery(id));
}
