"use client";

import type { MouseEvent } from "react";

import { cn } from "@/lib/utils";

import type { JobPage } from "../data/schema.generated";
import { useHref, useUrlState } from "../data/urlState";
import { rangeText } from "./words";

/** Where in the list this page is, and the pages beside it. */
export function Pagination({ page, rows }: { page: JobPage; rows: number }) {
  const [params] = useUrlState();
  return (
    <nav aria-label="Pages of jobs" className="flex flex-wrap items-center justify-between gap-2 text-sm">
      <p className="text-muted-foreground tabular-nums">{rangeText(page, params.page, rows)}</p>
      <ul className="flex gap-2">
        {params.page > 2 && (
          <li>
            <PageLink page={1}>First page</PageLink>
          </li>
        )}
        <li>
          <PageLink page={params.page > 1 ? params.page - 1 : null}>Previous page</PageLink>
        </li>
        <li>
          <PageLink page={page.next === null ? null : params.page + 1}>Next page</PageLink>
        </li>
      </ul>
    </nav>
  );
}

/** A link to a page; where there is none, its place stays, so that the next click hits what the last one did. */
export function PageLink({ page, children }: { page: number | null; children: string }) {
  const [, set] = useUrlState();
  const href = useHref();
  const go = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    if (page !== null) set({ page });
  };
  return (
    <a
      role="link"
      {...(page === null ? { "aria-disabled": true, tabIndex: 0 } : { href: href({ page }) })}
      onClick={go}
      className={cn(
        "inline-block rounded-md border px-3 py-1",
        page === null ? "opacity-60" : "hover:bg-muted",
      )}
    >
      {children}
    </a>
  );
}
