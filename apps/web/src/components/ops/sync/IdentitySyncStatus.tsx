"use client";

import { memo, type ReactNode } from "react";

import { firstLine, formatCount } from "../data/formatting";
import type { Meta, SyncStatus } from "../data/schema.generated";
import { Countdown } from "../shared/Countdown";
import { ErrorText } from "../shared/ErrorText";
import { HealthBadge } from "../shared/HealthBadge";
import { Time } from "../shared/Time";
import { ActiveJob } from "./ActiveJob";
import { IdentityActions } from "./IdentityActions";
import { IdentityFacts } from "./IdentityFacts";
import { noNextSync, sourceWords, stateWord } from "./words";

interface Props {
  identity: SyncStatus;
  /** Its causes and last error are shown without a click. */
  open: boolean;
  meta: Meta | undefined;
  onSchedule: (identityId: number) => void;
}

/** One identity: how its syncs are doing, and what can be done. */
export const IdentitySyncStatus = memo(function IdentitySyncStatus({
  identity,
  open,
  meta,
  onSchedule,
}: Props) {
  const id = `sync-identity-${identity.identity_id}`;
  const reasons = identity.health.reasons;
  const causes = reasons.length > 0 && (
    <ul className="mt-1 space-y-1 text-sm" aria-label={`Causes for ${identity.display_name}`}>
      {reasons.map((reason, index) => (
        <li key={`${reason.code}-${index}`} data-code={reason.code} className="[overflow-wrap:anywhere]">
          {reason.message}
        </li>
      ))}
    </ul>
  );
  const error = identity.last_error !== null && (
    <ErrorText
      text={identity.last_error}
      cut={identity.last_error_cut}
      name={`error of ${identity.display_name}`}
    />
  );
  // Most causes quote the error; the same sentence twice in a row helps nobody.
  const isQuoted = reasons.some((reason) => reason.message.includes(firstLine(identity.last_error)));
  return (
    <li
      aria-labelledby={id}
      className="grid gap-x-4 gap-y-2 border-t py-3 md:grid-cols-[minmax(0,2fr)_minmax(0,1fr)_minmax(0,1fr)_minmax(0,1fr)_auto]"
    >
      <div className="min-w-0">
        <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <h3 id={id} dir="auto" className="min-w-0 font-semibold [overflow-wrap:anywhere]">
            {identity.display_name}
          </h3>
          <HealthBadge health={identity.health.status}>{stateWord(identity)}</HealthBadge>
        </div>
        <p className="text-sm text-muted-foreground [overflow-wrap:anywhere]">
          {identity.provider} · <bdi>{identity.external_username}</bdi>
          {identity.is_default && " · default identity"}
        </p>
      </div>
      <Figure name="Last sync">
        {identity.last_sync_at === null ? "Unknown" : <Time value={identity.last_sync_at} />}
        <Small>{sourceWords(identity)}</Small>
      </Figure>
      <Figure name="Next sync">
        {identity.next_sync_at === null ? noNextSync(identity) : <Countdown to={identity.next_sync_at} />}
      </Figure>
      <Figure name="Messages">
        {identity.counts_as_of === null && identity.messages_count === 0
          ? "Counting"
          : formatCount(identity.messages_count)}
        <Small>
          {identity.counts_as_of === null
            ? "first count in progress"
            : `+${formatCount(identity.new_messages_24h)} in 24 h`}
        </Small>
      </Figure>
      <IdentityActions identity={identity} meta={meta} onSchedule={() => onSchedule(identity.identity_id)} />
      <div className="min-w-0 md:col-span-full">
        {open && causes}
        {identity.active_job !== null && (
          <ActiveJob job={identity.active_job} waiting={identity.waiting_jobs} name={identity.display_name} />
        )}
        {open && !isQuoted && error}
        <details className="mt-1">
          <summary className="cursor-pointer text-sm text-muted-foreground">
            Details<span className="sr-only"> of {identity.display_name}</span>
          </summary>
          {!open && causes}
          <IdentityFacts identity={identity} />
          {(!open || isQuoted) && error}
        </details>
      </div>
    </li>
  );
});

function Figure({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex min-w-0 flex-wrap gap-x-2 text-sm md:block">
      <span className="text-xs text-muted-foreground after:content-[':'] md:block md:after:content-['']">
        {name}
      </span>
      <span className="min-w-0">{children}</span>
    </div>
  );
}

function Small({ children }: { children: string | null }) {
  return children === null ? null : (
    <span className="ml-1 text-xs text-muted-foreground md:ml-0 md:block"> {children}</span>
  );
}
