import { badgeVariants } from "@/components/ui/badge";
import { cn } from "@/lib/utils";
import { Icon, type IconName } from "./Icon";
import { TONES } from "./StatusBadge";

type Look = { word: string; icon: IconName; tone: keyof typeof TONES };

const LOOKS: Record<string, Look> = {
  ok: { word: "OK", icon: "check", tone: "good" },
  warning: { word: "Warning", icon: "warning", tone: "warn" },
  critical: { word: "Critical", icon: "cross", tone: "bad" },
  unknown: { word: "Unknown", icon: "question", tone: "calm" },
};

/** A health as a word with an icon and a color. */
export function HealthBadge({
  health,
  children,
  className,
}: {
  health: string;
  children?: string;
  className?: string;
}) {
  const look = LOOKS[health] ?? { word: health, icon: "question" as const, tone: "calm" as const };
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
