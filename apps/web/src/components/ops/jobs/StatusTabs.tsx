"use client";

import type { MouseEvent } from "react";

import { cn } from "@/lib/utils";

import { formatCount } from "../data/formatting";
import type { JobCounts } from "../data/schema.generated";
import { useHref, useUrlState } from "../data/urlState";
import { STATUSES } from "./filters";
import { statusWord } from "./words";

/** The counts by status, which are the filter: links, so that a list has an address. */
export function StatusTabs({ counts }: { counts: JobCounts | undefined }) {
  const [params, set] = useUrlState();
  const href = useHref();
  const choose = (status: string | null) => (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    set({ status, page: null });
  };
  // A status of the ledger that the console doesn't know has a tab only where there is one.
  const other = Boolean(counts?.other) || params.status === "other";
  const tabs: [string | null, number | undefined][] = [
    [null, counts?.total],
    ...STATUSES.map((status): [string, number | undefined] => [status, counts?.[status]]),
    ...(other ? [["other", counts?.other ?? (counts ? 0 : undefined)] as [string, number | undefined]] : []),
  ];
  return (
    <nav aria-label="Jobs by status">
      <ul className="flex flex-wrap gap-1">
        {tabs.map(([status, count]) => (
          <li key={status ?? "all"}>
            <a
              href={href({ status, page: null })}
              onClick={choose(status)}
              aria-current={params.status === status ? "true" : undefined}
              className={cn(
                "inline-flex items-center gap-1.5 rounded-md border px-2.5 py-1 text-sm",
                params.status === status
                  ? "border-foreground bg-muted font-semibold"
                  : "border-transparent hover:bg-muted",
              )}
            >
              {status === null ? "All" : statusWord(status)}{" "}
              <span className="min-w-[2ch] text-muted-foreground tabular-nums">
                {count === undefined ? <Unknown /> : formatCount(count)}
              </span>
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Unknown() {
  return (
    <>
      <span aria-hidden="true">…</span>
      <span className="sr-only">not counted yet</span>
    </>
  );
}
