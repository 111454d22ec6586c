import { useSyncExternalStore } from "react";

let paused = false;
const listeners = new Set<() => void>();

export const isPaused = (): boolean => paused;

export function setPaused(value: boolean): void {
  if (value === paused) return;
  paused = value;
  listeners.forEach((listener) => listener());
}

export function onPauseChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The page's one switch for what changes by itself (WCAG 2.2.2). */
export function useLive(): { paused: boolean; setPaused: (value: boolean) => void } {
  return { paused: useSyncExternalStore(onPauseChange, isPaused, () => false), setPaused };
}
