"use client";

import type { MouseEvent, ReactNode } from "react";
import { useHref, useUrlState } from "../data/urlState";

type Props = { id: number; children?: ReactNode };

/** A link to a job's sheet on this page. A plain click opens it without a new page. */
export function JobLink({ id, children }: Props) {
  const [, setUrl] = useUrlState();
  const href = useHref();

  function open(event: MouseEvent<HTMLAnchorElement>): void {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    setUrl({ job: id }, { push: true });
  }

  return (
    <a href={href({ job: id })} onClick={open} className="underline underline-offset-2">
      {children ?? `Job ${id}`}
    </a>
  );
}
