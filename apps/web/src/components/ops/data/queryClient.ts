import { QueryClient } from "@tanstack/react-query";
import { isPaused } from "./pause";
import { OpsError } from "./problem";

/** A new client with the page's defaults, for the server's prefetch and for the browser. */
export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // Above 0, or hydration would ask for everything again.
        staleTime: 5_000,
        networkMode: "always",
        refetchOnWindowFocus: () => !isPaused(),
        refetchOnReconnect: () => !isPaused(),
        // An answer is final; only where none came is it worth another try.
        retry: (failures, error) => failures < 1 && error instanceof OpsError && error.status === 0,
        retryDelay: 1_000,
      },
    },
  });
}
