import { formatCount } from "../data/formatting";
import type { BeatState, SyncOverview } from "../data/schema.generated";
import { HealthBadge } from "../shared/HealthBadge";
import { Time } from "../shared/Time";
import { readable } from "./words";

const WORDS: Record<string, string> = {
  ok: "On track",
  warning: "Warning",
  critical: "Critical",
  unknown: "Unknown",
};

const BEAT: Record<string, string> = {
  running: "Beat: running",
  silent: "Beat: silent. Scheduled syncs don't start. Start the beat process.",
  paused: "Beat: all schedules are paused. Resume them to sync on schedule.",
  idle: "Beat: no schedule is on",
};

/** How the syncs of all active identities are doing, in words, and whether beat starts them. */
export function OverallHealth({ overview }: { overview: SyncOverview }) {
  const { overall, beat, identities } = overview;
  const active = identities.filter((identity) => identity.is_active).length;
  return (
    <section aria-label="Overall sync health" className="space-y-2 text-sm">
      <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
        Sync health:{" "}
        <HealthBadge health={overall.status}>{WORDS[overall.status] ?? readable(overall.status)}</HealthBadge>
        <span className="text-muted-foreground">
          {formatCount(active)} active {active === 1 ? "identity" : "identities"}
        </span>
      </p>
      {overall.reasons.length > 0 && (
        <ul className="list-disc space-y-0.5 pl-5">
          {overall.reasons.map((reason) => (
            <li key={reason.code} data-code={reason.code}>
              {reason.message}
            </li>
          ))}
        </ul>
      )}
      <Beat beat={beat} />
    </section>
  );
}

function Beat({ beat }: { beat: BeatState }) {
  const silent = beat.status === "silent";
  const at = silent ? beat.since : beat.last_run_at;
  return (
    <p className={silent ? "font-medium" : "text-muted-foreground"}>
      {BEAT[beat.status] ?? `Beat: ${readable(beat.status).toLowerCase()}`}
      {at !== null && (
        <>
          {" "}
          · {silent ? "silent since" : "last run"} <Time value={at} />
        </>
      )}
    </p>
  );
}
