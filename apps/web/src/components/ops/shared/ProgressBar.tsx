import { formatBytes, formatCount } from "../data/formatting";
import type { Progress } from "../data/schema.generated";

type Props = {
  /** Null is unknown, which is not 0. */
  progress: Progress | null | undefined;
  /** What makes progress, for screen readers: `Backfill of Alice`. */
  label: string;
  /** Whether it can still move. */
  active?: boolean;
};

/** How far something is, as a bar with its numbers. Without a total there is no end, and the bar says so. */
export function ProgressBar({ progress, label, active = true }: Props) {
  if (!progress)
    return (
      <p className="text-sm text-muted-foreground">
        {active ? "Progress not known yet" : "No progress reported"}
      </p>
    );
  const { current, total, percent, unit } = progress;
  const known = typeof total === "number" && total > 0;
  const share = typeof percent === "number" ? ` (${Math.floor(percent)}%)` : "";
  const amount = (count: number) => (unit === "bytes" ? formatBytes(count) : formatCount(count));
  const counted = known ? `${amount(current)} of ${amount(total)}` : amount(current);
  const named = unit && unit !== "bytes" ? `${counted} ${unit}` : counted;
  // What has ended without a total has no bar: an empty one would say that nothing was done.
  if (!known && !active) return <p className="text-sm text-muted-foreground tabular-nums">{named}</p>;
  const text = known ? `${named}${share}` : `${named} so far`;
  return (
    <div className="grid gap-1">
      <progress
        aria-label={label}
        aria-valuetext={text}
        // A styled bar loses the accent color: without its own, Chromium fills it green, which only what ended well may be.
        className="h-2 w-full appearance-none overflow-hidden rounded-full border-0 bg-muted [&::-moz-progress-bar]:bg-primary [&::-webkit-progress-bar]:bg-muted [&::-webkit-progress-value]:bg-primary"
        {...(known ? { value: Math.min(current, total), max: total } : {})}
      />
      <p className="text-sm text-muted-foreground tabular-nums">{text}</p>
    </div>
  );
}
