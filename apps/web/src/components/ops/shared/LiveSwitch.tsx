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
    <div className="flex items-center gap-3 text-sm">
      {paused ? <span className="text-muted-foreground">Updates are paused.</span> : null}
      <Button
        type="button"
        variant="outline"
        size="sm"
        // Does nothing until scripts run.
        disabled={!hydrated}
        onClick={() => setPaused(!paused)}
      >
        <Icon name={paused ? "play" : "pause"} />
        {paused ? "Resume updates" : "Pause updates"}
      </Button>
    </div>
  );
}
