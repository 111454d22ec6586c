import { useSearchParams } from "next/navigation";
import { useCallback, useMemo } from "react";
import { changedSearch, readParams, type OpsChange, type OpsParams } from "./urlParams";

export {
  countFilters,
  jobFilters,
  PAGE_SIZE,
  type JobFilters,
  type JobScope,
  type OpsParams,
} from "./urlParams";

export type SetUrl = (change: OpsChange, options?: { push?: boolean }) => void;

/**
 * The page's state in its URL, and a function that changes some of it without asking the server.
 * `null` removes a parameter. `push` adds an entry to the history, so that *Back* undoes the change.
 */
export function useUrlState(): [OpsParams, SetUrl] {
  const search = useSearchParams();
  const params = useMemo(() => readParams(search ?? new URLSearchParams()), [search]);
  const set = useCallback<SetUrl>((change, { push = false } = {}) => {
    // Read from the address, not from the last render: two changes may come in one.
    const { pathname, search: before, hash } = window.location;
    const after = changedSearch(before, change);
    if (after === before) return;
    const url = `${pathname}${after}${hash}`;
    if (push) window.history.pushState(null, "", url);
    else window.history.replaceState(null, "", url);
  }, []);
  return [params, set];
}

/** The address of the page with some parameters changed: for links, which can be opened in another tab. */
export function useHref(): (change: OpsChange) => string {
  const search = useSearchParams();
  return useCallback((change) => changedSearch(`?${search?.toString() ?? ""}`, change) || "?", [search]);
}
