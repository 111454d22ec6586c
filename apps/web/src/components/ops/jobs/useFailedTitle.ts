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
    const prefix = `(${formatCount(failed)}) `;
    const apply = () => {
      if (!document.title.startsWith(prefix)) document.title = prefix + document.title;
    };
    apply();
    // Next writes the title again when the page's metadata arrives, which may be after this.
    const observer = new MutationObserver(apply);
    observer.observe(document.head, { childList: true, subtree: true, characterData: true });
    return () => {
      observer.disconnect();
      if (document.title.startsWith(prefix)) document.title = document.title.slice(prefix.length);
    };
  }, [failed]);
}
