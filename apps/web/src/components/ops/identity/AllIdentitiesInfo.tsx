import { formatCount } from "../data/formatting";
import type { SyncOverview, SyncStatus } from "../data/schema.generated";
import { Countdown } from "../shared/Countdown";
import { HealthBadge } from "../shared/HealthBadge";
import { Time } from "../shared/Time";
import { Fact, Facts } from "./Facts";

/** The syncs of all active identities in a few numbers. The panel of the sync status has each. */
export function AllIdentitiesInfo({ overview }: { overview: SyncOverview }) {
  const { identities, overall } = overview;
  const last = latest(identities, (one) => one.last_sync_at);
  const next = latest(identities, (one) => one.next_sync_at, -1);
  const active = identities.filter((one) => one.active_job !== null);
  const running = active.filter((one) => one.active_job?.status === "running").length;
  const waiting = active.length - running + sum(identities, (one) => one.waiting_jobs);
  const uncounted = identities.filter((one) => one.counts_as_of === null).length;
  return (
    <div className="space-y-3">
      <div className="space-y-1">
        <HealthBadge health={overall.status} />
        {overall.reasons.map((reason) => (
          <p key={reason.code} className="text-sm [overflow-wrap:anywhere]">
            {reason.message}
          </p>
        ))}
      </div>
      <Facts>
        <Fact name="Last sync">{last === null ? "Unknown" : <Named at={last} />}</Fact>
        <Fact name="Next sync">{next === null ? "None expected" : <Named at={next} isAhead />}</Fact>
        <Fact name="Active jobs">
          {running === 0 && waiting === 0
            ? "None"
            : `${formatCount(running)} running, ${formatCount(waiting)} waiting`}
        </Fact>
        <Fact name="Messages">
          {formatCount(sum(identities, (one) => one.messages_count))}
          <span className="text-muted-foreground">
            {" · "}
            {formatCount(sum(identities, (one) => one.new_messages_24h))} in the last 24 hours
          </span>
          {uncounted > 0 && (
            <span className="block text-muted-foreground">
              First count in progress for {formatCount(uncounted)}
            </span>
          )}
        </Fact>
      </Facts>
    </div>
  );
}

interface At {
  name: string;
  time: string;
}

function Named({ at, isAhead = false }: { at: At; isAhead?: boolean }) {
  return (
    <>
      {isAhead ? <Countdown to={at.time} /> : <Time value={at.time} />}
      {/* On a line of its own: a time becomes shorter once its age is known, and nothing should move then. */}
      <span className="block truncate text-muted-foreground" title={at.name}>
        <bdi>{at.name}</bdi>
      </span>
    </>
  );
}

function sum(identities: SyncStatus[], of: (one: SyncStatus) => number): number {
  return identities.reduce((total, one) => total + Number(of(one)), 0);
}

/** The identity with the latest time; with `sign` -1, with the earliest. */
function latest(identities: SyncStatus[], of: (one: SyncStatus) => string | null, sign = 1): At | null {
  let found: At | null = null;
  for (const one of identities) {
    const time = of(one);
    if (time === null) continue;
    if (found === null || sign * (Date.parse(time) - Date.parse(found.time)) > 0)
      found = { name: one.display_name, time };
  }
  return found;
}
