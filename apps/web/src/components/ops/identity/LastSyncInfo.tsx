"use client";

import { formatCount } from "../data/formatting";
import type { SyncStatus } from "../data/schema.generated";
import { Countdown } from "../shared/Countdown";
import { ErrorText } from "../shared/ErrorText";
import { HealthBadge } from "../shared/HealthBadge";
import { Time } from "../shared/Time";
import { ActiveJob } from "../sync/ActiveJob";
import { attemptWord, noNextSync, sourceWords } from "../sync/words";
import { CredentialInfo } from "./CredentialInfo";
import { Fact, Facts } from "./Facts";
import { ScheduleInfo } from "./ScheduleInfo";

/** When the chosen identity last synced and from what that is known, what comes next, and what is wrong. */
export function LastSyncInfo({ identity }: { identity: SyncStatus }) {
  const source = sourceWords(identity);
  const isCounted = identity.counts_as_of !== null;
  return (
    <div className="space-y-3">
      <p className="text-sm [overflow-wrap:anywhere]">
        <bdi className="font-medium">{identity.display_name}</bdi>
        {identity.external_username !== "" && (
          <>
            {" · "}
            <bdi>{identity.external_username}</bdi>
          </>
        )}
        {" · "}
        {identity.provider}
        {identity.is_default && " · default identity"}
      </p>
      <div className="space-y-1">
        <HealthBadge health={identity.health.status} />
        {identity.health.reasons.map((reason) => (
          <p key={reason.code} className="text-sm [overflow-wrap:anywhere]">
            {reason.message}
          </p>
        ))}
      </div>
      <Facts>
        <Fact name="Last sync">
          {identity.last_sync_at === null ? lastUnknown(identity) : <Time value={identity.last_sync_at} />}
          {source !== null && <span className="text-muted-foreground"> · {source}</span>}
        </Fact>
        <Fact name="Last attempt">
          {attemptWord(identity)}
          {identity.last_attempt_at !== null && (
            <>
              {" · "}
              <Time value={identity.last_attempt_at} />
            </>
          )}
        </Fact>
        <Fact name="Next sync">
          {identity.next_sync_at === null ? noNextSync(identity) : <Countdown to={identity.next_sync_at} />}
        </Fact>
        <Fact name="Messages">
          {isCounted ? formatCount(identity.messages_count) : "First count in progress"}
          {isCounted && (
            <span className="text-muted-foreground">
              {" "}
              · {formatCount(identity.new_messages_24h)} in the last 24 hours
            </span>
          )}
        </Fact>
        <Fact name="Conversations">{formatCount(identity.conversations_count)}</Fact>
        <Fact name="Credential">
          <CredentialInfo identity={identity} />
        </Fact>
        <Fact name="Schedule">
          <ScheduleInfo identity={identity} />
        </Fact>
        {identity.failures > 0 && (
          <Fact name="Failures since the last success">
            {formatCount(identity.failures)}
            {identity.failing_since !== null && (
              <>
                {" · first "}
                <Time value={identity.failing_since} />
              </>
            )}
          </Fact>
        )}
      </Facts>
      <ErrorText text={identity.last_error} cut={identity.last_error_cut} name="last error" />
      {identity.active_job !== null && (
        <ActiveJob job={identity.active_job} waiting={identity.waiting_jobs} name={identity.display_name} />
      )}
    </div>
  );
}

/** Without evidence of a sync, nobody knows whether there was one; only *pending* says that there was none. */
function lastUnknown(identity: SyncStatus): string {
  return identity.health.state === "pending" ? "Never synced" : "Unknown";
}
