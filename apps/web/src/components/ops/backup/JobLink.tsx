"use client";

import { useUrlState } from "../data/urlState";

/** A link to the row of a job, which opens it on this page. Nothing where no job is known. */
export function JobLink({ id }: { id: number | null }) {
  const [, set] = useUrlState();
  if (id === null) return null;
  return (
    <a
      href={`?job=${id}`}
      className="underline underline-offset-2"
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        set({ job: String(id) });
      }}
    >
      Job #{id}
    </a>
  );
}
