// Without React, since the server makes query clients too.
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
