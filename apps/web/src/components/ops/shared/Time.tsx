"use client";

import { formatAge, formatUtc, formatUtcBriefly } from "../data/formatting";
import { useNow } from "../data/serverClock";
import { useServedAt } from "./servedAt";

type Props = {
  /** ISO 8601. Null is a time that is unknown, or that no clock can show. */
  value: string | null | undefined;
  /** What the API says in the place of a time that can't be one: the key that ends with `_text`. */
  text?: string | null;
  /** What stands there without a time. */
  fallback?: string;
  className?: string;
};

const LOCAL: Intl.DateTimeFormatOptions = { dateStyle: "medium", timeStyle: "long" };

/**
 * A time: in UTC from the server; after hydration its age by the server's clock, with the exact time, in the reader's zone and in
 * UTC, as its title.
 */
export function Time({ value, text, fallback = "Never", className }: Props) {
  const now = useNow();
  const servedAt = useServedAt();
  if (!value) return <span className={className}>{text || fallback}</span>;
  const utc = formatUtc(value);
  const time = Date.parse(value);
  if (now === null || Number.isNaN(time)) {
    return (
      <time dateTime={value} title={utc} className={className}>
        {formatUtcBriefly(value, servedAt)}
      </time>
    );
  }
  const local = new Date(time).toLocaleString(undefined, LOCAL);
  return (
    <time dateTime={value} title={`${local} · ${utc}`} className={className}>
      {formatAge((now - time) / 1_000)}
    </time>
  );
}
