"use client";

import { Button } from "@/components/ui/button";
import { useLive } from "../data/live";
import { useHydrated } from "../data/serverClock";
import { Icon } from "./Icon";

/** Pauses everything on the page that changes by itself. */
export function LiveSwitch() {
  const { paused, setPaused } = useLive();
  const hydrated = useHydrated();
  return (
    <Button
      type="button"
      variant="outline"
      size="sm"
      disabled={!hydrated}
      aria-pressed={paused}
      aria-label="Pause live updates"
      onClick={() => setPaused(!paused)}
    >
      <Icon name={paused ? "play" : "pause"} />
      {paused ? "Updates paused" : "Live updates"}
    </Button>
  );
}
