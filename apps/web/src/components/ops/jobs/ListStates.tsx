"use client";

import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";

import { plural } from "../data/formatting";
import { useUrlState } from "../data/urlState";
import { isFiltered } from "./filters";
import { ClearFilters } from "./JobFilters";
import { PageLink } from "./Pagination";

/** Brings the new rows on request: by themselves they would move what is under the pointer. */
export function NewJobs({ waiting, page, onShow }: { waiting: number; page: number; onShow: () => void }) {
  // The live region is always there: one that appears together with its text isn't read.
  return (
    <div role="status" className="empty:-mt-4">
      {waiting > 0 && (
        <Button type="button" variant="outline" size="sm" onClick={onShow}>
          {page === 1 ? `Show ${plural(waiting, "new job")}` : "Refresh page: newer jobs moved it"}
        </Button>
      )}
    </div>
  );
}

/** Nothing at all, nothing for these filters, or nothing on this page. */
export function NoJobs() {
  const [params] = useUrlState();
  if (params.page > 1) {
    return (
      <p>
        Page {params.page} is empty. <PageLink page={1}>First page</PageLink>
      </p>
    );
  }
  if (isFiltered(params)) {
    return (
      <p>
        No results. <ClearFilters />
      </p>
    );
  }
  return <p>No jobs yet. Syncs, backfills, backups and sent messages appear here.</p>;
}

export function JobsSkeleton() {
  return (
    <div className="grid gap-3">
      {Array.from({ length: 6 }, (_, index) => (
        <Skeleton key={index} className="h-12 w-full" />
      ))}
    </div>
  );
}
