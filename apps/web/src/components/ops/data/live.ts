import { useSyncExternalStore } from "react";
import { isPaused, onPauseChange, setPaused } from "./pause";

export { isPaused, onPauseChange, setPaused };

/** The page's one switch for what changes by itself (WCAG 2.2.2). */
export function useLive(): { paused: boolean; setPaused: (value: boolean) => void } {
  return { paused: useSyncExternalStore(onPauseChange, isPaused, () => false), setPaused };
}
