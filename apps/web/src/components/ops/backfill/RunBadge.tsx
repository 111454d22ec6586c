import { LookBadge, type Look } from "../shared/LookBadge";
import { stateTitle, type RunState } from "./runWords";

// Only what ended well is green.
const LOOKS: Record<RunState, Look> = {
  queued: { icon: "clock", tone: "calm" },
  running: { icon: "play", tone: "busy" },
  retrying: { icon: "refresh", tone: "warn" },
  cancelling: { icon: "stop", tone: "warn" },
  done: { icon: "check", tone: "good" },
  done_with_errors: { icon: "warning", tone: "warn" },
  partly_failed: { icon: "cross", tone: "bad" },
  failed: { icon: "cross", tone: "bad" },
  cancelled: { icon: "stop", tone: "calm" },
  partly_cancelled: { icon: "stop", tone: "calm" },
  skipped: { icon: "stop", tone: "calm" },
  gone: { icon: "question", tone: "calm" },
  ended: { icon: "check", tone: "calm" },
};

/** How a run, or a job of one, stands: a word with an icon and a color. */
export function RunBadge({ state }: { state: RunState }) {
  return <LookBadge look={LOOKS[state]} word={stateTitle(state)} />;
}
