"use client";

import { formatCount, plural } from "../data/formatting";
import type { Health, VerdictReason } from "../data/schema.generated";
import { isForbidden } from "../data/problem";
import { useHealth } from "../data/useHealth";
import { HealthBadge } from "../shared/HealthBadge";
import { Time } from "../shared/Time";
import { readable } from "./words";

const WORDS: Record<string, string> = {
  ok: "OK",
  warning: "Warning",
  critical: "Critical",
  unknown: "Unknown",
};

/** The worst come first; the others are folded. */
const SHOWN = 3;

/** Whether anything is wrong with the whole application, as the console sees it: a sync may be late because of it. */
export function ConsoleVerdict() {
  const health = useHealth();
  if (isForbidden(health.error)) return null;
  if (!health.data) {
    return health.isError ? (
      <p className="text-sm text-muted-foreground">Console health: unknown. {health.error.message}</p>
    ) : null;
  }
  return <Verdict health={health.data} />;
}

function Reasons({ reasons }: { reasons: VerdictReason[] }) {
  return (
    <ul className="mt-1 space-y-1">
      {reasons.map((reason, index) => (
        <li key={`${reason.code}-${index}`} data-code={reason.code} className="[overflow-wrap:anywhere]">
          <span className="font-medium">{WORDS[reason.severity] ?? readable(reason.severity)}:</span>{" "}
          {reason.message}
          {reason.since !== null && (
            <span className="text-muted-foreground">
              {" "}
              Since <Time value={reason.since} />.
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}

function Verdict({ health }: { health: Health }) {
  const count = (severity: string) => health.reasons.filter((reason) => reason.severity === severity).length;
  const [critical, warnings, unknown] = ["critical", "warning", "unknown"].map(count) as [
    number,
    number,
    number,
  ];
  const counts = [
    critical > 0 && `${formatCount(critical)} critical`,
    warnings > 0 && plural(warnings, "warning"),
    unknown > 0 && `${formatCount(unknown)} unknown`,
  ]
    .filter(Boolean)
    .join(", ");
  return (
    <section aria-label="Console health" className="space-y-2 text-sm">
      <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
        Console health:{" "}
        <HealthBadge health={health.status}>{WORDS[health.status] ?? readable(health.status)}</HealthBadge>
        {counts !== "" && <span className="text-muted-foreground">{counts}</span>}
      </p>
      {health.reasons.length > 0 && (
        <>
          <Reasons reasons={health.reasons.slice(0, SHOWN)} />
          {health.reasons.length > SHOWN && (
            <details>
              <summary className="cursor-pointer text-muted-foreground">
                {health.reasons.length - SHOWN} more
              </summary>
              <Reasons reasons={health.reasons.slice(SHOWN)} />
            </details>
          )}
        </>
      )}
      <details>
        <summary className="cursor-pointer text-muted-foreground">Status of each part</summary>
        <dl className="mt-1 flex flex-wrap gap-x-4 gap-y-1">
          {Object.entries(health.parts).map(([part, state]) => (
            <div key={part} className="flex items-center gap-1">
              <dt>{readable(part)}</dt>
              <dd>
                <HealthBadge health={state?.status ?? "unknown"}>
                  {WORDS[state?.status ?? "unknown"]}
                </HealthBadge>
              </dd>
            </div>
          ))}
        </dl>
      </details>
    </section>
  );
}
