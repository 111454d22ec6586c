import { badgeVariants } from "@/components/ui/badge";
import { cn } from "@/lib/utils";
import { Icon, type IconName } from "../shared/Icon";
import { TONES } from "../shared/StatusBadge";
import { stateTitle, type RunState } from "./runWords";

// Only what ended well is green.
const LOOKS: Record<RunState, { icon: IconName; tone: keyof typeof TONES }> = {
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
  const { icon, tone } = LOOKS[state];
  return (
    <span className={cn(badgeVariants({ variant: "outline" }), "gap-1 whitespace-nowrap", TONES[tone])}>
      <Icon name={icon} className="size-3" />
      {stateTitle(state)}
    </span>
  );
}
