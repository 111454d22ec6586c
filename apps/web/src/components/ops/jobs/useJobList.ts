"use client";

import { useState } from "react";

import type { Job } from "../data/schema.generated";
import { useGoneJobs, useJobs } from "../data/useJobs";
import type { JobFilters } from "../data/urlParams";
import { hold, start, type Held } from "./heldRows";

/** The rows of a page, which stay where they are over refreshes, and how many new ones wait. */
export function useJobList(filters: JobFilters) {
  const [held, setHeld] = useState<Held | null>(null);
  const query = useJobs(filters, held?.waiting);
  const key = JSON.stringify(filters);
  const { data, isPlaceholderData } = query;
  // Another page's rows are shown until this one's are there, and must not be taken for them.
  const next = data && !isPlaceholderData ? hold(held, key, data, filters.offset === 0) : held;
  if (next !== held) setHeld(next);

  const followed = useGoneJobs(Array.from(next?.gone ?? []));
  const rows = (next?.ids ?? [])
    .map((id) => followed.get(id) ?? next?.rows.get(id))
    .filter((job): job is Job => !!job);

  return {
    query,
    rows,
    gone: next?.gone ?? NONE,
    waiting: next?.waiting ?? 0,
    /** Shows the list as it is now. */
    refresh: () => data && setHeld(start(key, data)),
  };
}

const NONE: ReadonlySet<number> = new Set();
