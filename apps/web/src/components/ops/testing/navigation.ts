import { useMemo, useSyncExternalStore } from "react";

// Next's own hooks need its router. These read the same place: the address, which `history` changes.
const listeners = new Set<() => void>();
const notify = () => listeners.forEach((listener) => listener());

for (const name of ["pushState", "replaceState"] as const) {
  const original = window.history[name].bind(window.history);
  window.history[name] = (...change) => {
    original(...change);
    notify();
  };
}
window.addEventListener("popstate", notify);

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

function useSearch(): string {
  return useSyncExternalStore(
    subscribe,
    () => window.location.search,
    () => window.location.search,
  );
}

/** Puts the page at an address without a trace of the test before. */
export function forgetSearch(url = "/ops"): void {
  window.history.replaceState(null, "", url);
}

export const navigation = {
  useSearchParams: () => {
    const search = useSearch();
    return useMemo(() => new URLSearchParams(search), [search]);
  },
  usePathname: () => window.location.pathname,
  useRouter: () => ({
    push: () => {},
    replace: () => {},
    refresh: () => {},
    back: () => {},
    prefetch: () => {},
  }),
};
