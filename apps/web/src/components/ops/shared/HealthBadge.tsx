import { LookBadge, lookOf, type NamedLook } from "./LookBadge";

const LOOKS: Record<string, NamedLook> = {
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
  const look = lookOf(LOOKS, health);
  return <LookBadge look={look} word={children ?? look.word} className={className} />;
}
