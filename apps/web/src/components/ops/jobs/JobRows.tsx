"use client";

import type { Job } from "../data/schema.generated";
import { JobRow } from "./JobRow";

const HEADINGS = ["Status", "Job", "Attempts", "Time", "Duration", "Error", "Actions"];

interface Props {
  rows: readonly Job[];
  /** Rows that no longer match the filters. */
  gone: ReadonlySet<number>;
  /** The status of the filter. */
  status: string | null;
  /** Another page is on its way. */
  busy: boolean;
}

/** The rows. Below the width of a tablet each is a card; its roles keep it a table for screen readers. */
export function JobsTable({ rows, gone, status, busy }: Props) {
  return (
    <table
      role="table"
      aria-label="Jobs"
      aria-busy={busy}
      // Where the focus goes when the row that had it isn't there.
      data-jobs
      tabIndex={-1}
      className={`block w-full text-left md:table ${busy ? "opacity-60" : ""}`}
    >
      <thead role="rowgroup" className="sr-only md:not-sr-only md:table-header-group">
        <tr role="row" className="md:border-b">
          {HEADINGS.map((heading) => (
            <th
              key={heading}
              role="columnheader"
              scope="col"
              className={`px-3 py-2 text-sm font-medium text-muted-foreground ${heading === "Actions" ? "md:text-right" : ""}`}
            >
              {heading}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup" className="block md:table-row-group">
        {rows.map((job) => (
          <JobRow key={job.id} job={job} left={gone.has(job.id) ? status : undefined} />
        ))}
      </tbody>
    </table>
  );
}
