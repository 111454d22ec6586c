"use client";

import { useEffect } from "react";

import { formatCount } from "../data/formatting";
import { useCounts } from "../data/useJobs";

const EVERYTHING = {};

/** Put the number of failed jobs, whatever the filters, into the document's title: "(7) Ops". */
export function useFailedTitle(): void {
  const failed = useCounts(EVERYTHING).data?.failed;
  useEffect(() => {
    if (!failed) return;
    const bare = document.title;
    const titled = `(${formatCount(failed)}) ${bare}`;
    document.title = titled;
    return () => {
      // Unless another page has set its own by now.
      if (document.title === titled) document.title = bare;
    };
  }, [failed]);
}
