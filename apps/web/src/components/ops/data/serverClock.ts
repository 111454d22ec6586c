import { useSyncExternalStore } from "react";

/** Smaller differences are the way of the answer and the rounding of the header `Date`. */
const TOLERANCE_MS = 2_000;

// What the browser's clock is ahead of the server's, in milliseconds.
let offset = 0;
let isKnown = false;
let now: number | null = null;
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

/** Learns the server's time from an answer: ISO 8601, or an HTTP date. Anything else is ignored. */
export function noteServerTime(text: string | null | undefined): void {
  if (typeof window === "undefined" || !text) return;
  const time = Date.parse(text);
  if (Number.isNaN(time)) return;
  isKnown = true;
  const found = Date.now() - time;
  if (Math.abs(found - offset) > TOLERANCE_MS) offset = found;
}

/** Learns when the server made the page, unless an answer has told the time: with *Back*, an old page comes again. */
export function noteServedAt(text: string): void {
  if (!isKnown) noteServerTime(text);
}

/** What the browser's clock is ahead of the server's, in milliseconds. */
export const clockOffset = (): number => offset;

/** The present by the server's clock, in milliseconds since 1970. */
export const serverNow = (): number => Date.now() - offset;

function tick(): void {
  now = serverNow();
  listeners.forEach((listener) => listener());
}

function watchVisibility(): void {
  clearInterval(timer);
  timer = undefined;
  if (document.visibilityState === "hidden" || listeners.size === 0) return;
  tick();
  timer = setInterval(tick, 1_000);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (listeners.size === 1) {
    document.addEventListener("visibilitychange", watchVisibility);
    watchVisibility();
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    document.removeEventListener("visibilitychange", watchVisibility);
    clearInterval(timer);
    timer = undefined;
  };
}

const snapshot = (): number => (now ??= serverNow());
const onServer = (): null => null;

/**
 * The present by the server's clock in milliseconds, new each second while the tab is visible. All who use it share one timer.
 *
 * Returns: null on the server and during hydration, so that both render the same.
 */
export function useNow(): number | null {
  return useSyncExternalStore<number | null>(subscribe, snapshot, onServer);
}

const never = (): (() => void) => () => {};

/** Whether the page has been hydrated. */
export function useHydrated(): boolean {
  return useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
}
