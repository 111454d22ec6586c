"use client";

import type { Job } from "../data/schema.generated";
import { JobRow } from "./JobRow";

/** The headings with the widths of their columns; the error has what is left. */
const HEADINGS = [
  ["Status", "xl:w-32"],
  ["Job", "xl:w-56"],
  ["Attempts", "xl:w-28"],
  ["Time", "xl:w-42"],
  ["Duration", "xl:w-28"],
  ["Error", ""],
  ["Actions", "xl:w-44 xl:text-right"],
] as const;

interface Props {
  rows: readonly Job[];
  /** Rows that no longer match the filters. */
  gone: ReadonlySet<number>;
  /** The status of the filter. */
  status: string | null;
  /** Another page is on its way. */
  busy: boolean;
}

/** The rows. Where there is no room for a table each is a card; its roles keep it a table for screen readers. */
export function JobsTable({ rows, gone, status, busy }: Props) {
  return (
    <table
      role="table"
      aria-label="Jobs"
      aria-busy={busy}
      // Where the focus goes when the row that had it isn't there.
      data-jobs
      tabIndex={-1}
      className={`block w-full text-left xl:table xl:table-fixed ${busy ? "opacity-60" : ""}`}
    >
      <thead role="rowgroup" className="sr-only xl:not-sr-only xl:table-header-group">
        <tr role="row" className="xl:border-b">
          {HEADINGS.map(([heading, width]) => (
            <th
              key={heading}
              role="columnheader"
              scope="col"
              className={`px-2 py-2 text-sm font-medium text-muted-foreground ${width}`}
            >
              {heading}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup" className="block xl:table-row-group">
        {rows.map((job) => (
          <JobRow key={job.id} job={job} left={gone.has(job.id) ? status : undefined} />
        ))}
      </tbody>
    </table>
  );
}
