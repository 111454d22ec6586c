"use client";

import type { ReactNode } from "react";

import { firstLine, formatCount, plural } from "../data/formatting";
import type { MatchingPreview } from "../data/schema.generated";
import type { Verb } from "../data/useBulkAction";

/** More types than this don't help anybody to decide. */
const TYPES = 8;

/** What acting on all jobs of a filter would do, before anybody does. */
export function BulkPreview({
  verb,
  preview,
  words,
}: {
  verb: Verb;
  preview: MatchingPreview;
  words: string;
}) {
  const { matched, looked_at, by_type, by_identity, left_out, warnings, sample } = preview;
  const types = Object.entries(by_type);
  const hidden = types.slice(TYPES);
  const skipped = left_out.reduce((sum, { n }) => sum + n, 0);
  return (
    <div className="grid max-h-[50vh] gap-3 overflow-y-auto" tabIndex={0} role="region" aria-label="Preview">
      <p className="[overflow-wrap:anywhere]">{words}</p>
      <p className="font-medium text-foreground">
        {plural(matched, "job matches", "jobs match")}
        {skipped > 0 && `, ${formatCount(skipped)} skipped`}
      </p>
      <p>{verb === "retry" ? "Later failures aren’t included." : "Later jobs aren’t included."}</p>
      {looked_at < matched && (
        <p>The oldest {formatCount(looked_at)} were checked one by one. The numbers below are about these.</p>
      )}
      <Counts
        title="By type"
        rows={types.slice(0, TYPES)}
        more={hidden.length > 0 && plural(hidden.length, "more type")}
      />
      <Counts title="Skipped" rows={left_out.map(({ reason, n }) => [reason, n])} />
      {warnings.length > 0 && (
        <Part title="Before you continue">
          {warnings.map((warning) => (
            <li key={warning} className="[overflow-wrap:anywhere]">
              {warning}
            </li>
          ))}
        </Part>
      )}
      <Counts
        title="By identity"
        rows={by_identity.map(({ display_name, n }) => [display_name ?? "Others", n])}
      />
      {sample.length > 0 && (
        <details>
          <summary className="cursor-pointer font-medium text-foreground">
            Sample of {plural(sample.length, "job")}
          </summary>
          <ul className="mt-1 grid gap-1">
            {sample.map((job) => (
              <li key={job.id} className="[overflow-wrap:anywhere]">
                #{job.id} {job.job_type}
                {job.last_error && (
                  <span dir="auto" className="block text-xs">
                    {firstLine(job.last_error).slice(0, 200)}
                  </span>
                )}
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

function Counts({ title, rows, more }: { title: string; rows: [string, number][]; more?: string | false }) {
  if (rows.length === 0) return null;
  return (
    <Part title={title}>
      {rows.map(([name, n], index) => (
        <li key={`${index} ${name}`} className="flex gap-2">
          <span className="min-w-10 text-right text-foreground tabular-nums">{formatCount(n)}</span>
          <bdi className="min-w-0 [overflow-wrap:anywhere]">{name}</bdi>
        </li>
      ))}
      {more && <li>{more}</li>}
    </Part>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div>
      <h3 className="font-medium text-foreground">{title}</h3>
      <ul className="grid gap-1">{children}</ul>
    </div>
  );
}
