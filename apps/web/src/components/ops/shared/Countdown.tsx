"use client";

import { formatDuration, formatUtc, formatUtcBriefly } from "../data/formatting";
import { useNow } from "../data/serverClock";
import { useServedAt } from "./servedAt";

type Props = {
  to: string | null | undefined;
  /** What stands there once the time has come. */ due?: string;
  fallback?: string;
};

/** How long it is until a time: `in 1 min 20 s`, ticking; in UTC from the server. */
export function Countdown({ to, due = "Due now", fallback = "Unknown" }: Props) {
  const now = useNow();
  const servedAt = useServedAt();
  if (!to) return <span>{fallback}</span>;
  const left = now === null ? null : Date.parse(to) - now;
  return (
    <time dateTime={to} title={formatUtc(to)} className="tabular-nums">
      {left === null ? formatUtcBriefly(to, servedAt) : left < 1_000 ? due : `in ${formatDuration(left)}`}
    </time>
  );
}
