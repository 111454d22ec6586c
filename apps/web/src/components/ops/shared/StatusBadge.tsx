import { badgeVariants } from "@/components/ui/badge";
import { cn } from "@/lib/utils";
import { Icon, type IconName } from "./Icon";

type Look = { word: string; icon: IconName; tone: keyof typeof TONES };

export const TONES = {
  good: "border-emerald-700/40 bg-emerald-50 text-emerald-900 dark:bg-emerald-950 dark:text-emerald-200",
  bad: "border-red-700/40 bg-red-50 text-red-900 dark:bg-red-950 dark:text-red-200",
  warn: "border-amber-700/40 bg-amber-50 text-amber-950 dark:bg-amber-950 dark:text-amber-200",
  busy: "border-sky-700/40 bg-sky-50 text-sky-900 dark:bg-sky-950 dark:text-sky-200",
  calm: "border-border bg-muted text-foreground",
} as const;

const LOOKS: Record<string, Look> = {
  queued: { word: "Queued", icon: "clock", tone: "calm" },
  pending: { word: "Pending", icon: "clock", tone: "calm" },
  running: { word: "Running", icon: "play", tone: "busy" },
  retrying: { word: "Retrying", icon: "refresh", tone: "warn" },
  cancelling: { word: "Cancelling", icon: "stop", tone: "warn" },
  cancelled: { word: "Cancelled", icon: "stop", tone: "calm" },
  paused: { word: "Paused", icon: "pause", tone: "warn" },
  stuck: { word: "Stuck", icon: "warning", tone: "bad" },
  failed: { word: "Failed", icon: "cross", tone: "bad" },
  failure: { word: "Failed", icon: "cross", tone: "bad" },
  done: { word: "Done", icon: "check", tone: "good" },
  success: { word: "Done", icon: "check", tone: "good" },
  succeeded: { word: "Succeeded", icon: "check", tone: "good" },
  passed: { word: "Passed", icon: "check", tone: "good" },
  could_not_verify: { word: "Could not verify", icon: "question", tone: "warn" },
};

type Props = {
  status: string | null | undefined;
  /** Instead of the status' own word. */ children?: string;
  className?: string;
};

/** A status as a word with an icon and a color. A status that the page doesn't know is shown as it is. */
export function StatusBadge({ status, children, className }: Props) {
  const look = LOOKS[status ?? ""] ?? {
    word: status || "Unknown",
    icon: "question" as const,
    tone: "calm" as const,
  };
  // Not Badge itself: in some applications it is a <div>, which the browser takes out of a paragraph.
  return (
    <span
      className={cn(
        badgeVariants({ variant: "outline" }),
        "gap-1 whitespace-nowrap",
        TONES[look.tone],
        className,
      )}
    >
      <Icon name={look.icon} className="size-3" />
      {children ?? look.word}
    </span>
  );
}
