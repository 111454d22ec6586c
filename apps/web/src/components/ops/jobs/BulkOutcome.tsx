"use client";

import { formatCount } from "../data/formatting";
import type { Accepted } from "../data/schema.generated";
import { useRunProgress } from "../data/useRunProgress";
import { Outcome } from "../shared/Outcome";

const PARTS: readonly (readonly [key: string, words: string])[] = [
  ["retried", "retried"],
  ["cancelled", "cancelled"],
  ["not_changed", "failed to change"],
];

/** What came of acting on many jobs: the run's bar, then how many were changed, and why the others weren't. */
export function BulkOutcome({ accepted, onClose }: { accepted: Accepted; onClose: () => void }) {
  const result: Readonly<Record<string, unknown>> = useRunProgress(accepted.job_id).data?.result ?? {};
  const sums = PARTS.flatMap(([key, words]) => {
    const n = result[key];
    return typeof n === "number" && (n > 0 || words === key) ? [`${formatCount(n)} ${words}`] : [];
  });
  const skipped = Array.isArray(result.left_out) ? result.left_out.filter(isReason) : [];
  return (
    <div className="grid gap-2">
      <Outcome accepted={accepted} label="Bulk action on jobs" onClose={onClose} />
      {sums.length > 0 && <p className="text-sm font-medium">{sums.join(", ")}</p>}
      {skipped.length > 0 && (
        <details className="text-sm">
          <summary className="cursor-pointer">
            {formatCount(skipped.reduce((sum, { n }) => sum + n, 0))} skipped
          </summary>
          <ul className="mt-1 list-disc pl-5">
            {skipped.map(({ reason, n }) => (
              <li key={reason}>
                {formatCount(n)}: {reason}
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

function isReason(value: unknown): value is { reason: string; n: number } {
  const { reason, n } = (value ?? {}) as { reason?: unknown; n?: unknown };
  return typeof reason === "string" && typeof n === "number";
}
