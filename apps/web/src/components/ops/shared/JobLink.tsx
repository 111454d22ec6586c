"use client";

import type { MouseEvent, ReactNode } from "react";
import { useHref, useUrlState } from "../data/urlState";

/** A link that opens a job in the side sheet; with a modifier key it opens another tab, as links do. */
export function JobLink({ id, children }: { id: number; children?: ReactNode }) {
  const href = useHref();
  const [, set] = useUrlState();
  const open = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0) return;
    event.preventDefault();
    set({ job: id }, { push: true });
  };
  return (
    <a href={href({ job: id })} onClick={open} className="font-medium underline underline-offset-2">
      {children ?? `#${id}`}
    </a>
  );
}
