import { badgeVariants } from "@/components/ui/badge";
import { cn } from "@/lib/utils";
import { Icon, type IconName } from "./Icon";

const TONES = {
  good: "border-emerald-700/40 bg-emerald-50 text-emerald-900 dark:bg-emerald-950 dark:text-emerald-200",
  bad: "border-red-700/40 bg-red-50 text-red-900 dark:bg-red-950 dark:text-red-200",
  warn: "border-amber-700/40 bg-amber-50 text-amber-950 dark:bg-amber-950 dark:text-amber-200",
  busy: "border-sky-700/40 bg-sky-50 text-sky-900 dark:bg-sky-950 dark:text-sky-200",
  calm: "border-border bg-muted text-foreground",
} as const;

export type Look = { icon: IconName; tone: keyof typeof TONES };
export type NamedLook = Look & { word: string };

/** The look of a word that the console sent. A word that the page doesn't know, such as `constructor`, is shown as it is. */
export function lookOf(looks: Readonly<Record<string, NamedLook>>, word: string): NamedLook {
  const known = Object.hasOwn(looks, word) ? looks[word] : undefined;
  return known ?? { word: word || "Unknown", icon: "question", tone: "calm" };
}

/** A word with an icon and a color. */
export function LookBadge({ look, word, className }: { look: Look; word: string; className?: string }) {
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
      {word}
    </span>
  );
}
