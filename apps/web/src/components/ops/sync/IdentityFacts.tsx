import type { ReactNode } from "react";

import { formatCount } from "../data/formatting";
import type { SyncStatus } from "../data/schema.generated";
import { Time } from "../shared/Time";
import { attemptWord, credentialWords, scheduleWords } from "./words";

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-xs text-muted-foreground">{name}</dt>
      <dd className="text-sm [overflow-wrap:anywhere]">{children}</dd>
    </div>
  );
}

/** What an operator needs once an identity is looked into: schedule, credential, attempts. */
export function IdentityFacts({ identity }: { identity: SyncStatus }) {
  const { credential } = identity;
  return (
    <dl className="mt-2 grid grid-cols-1 gap-x-4 gap-y-2 min-[360px]:grid-cols-2 md:grid-cols-4">
      <Fact name="Schedule">{scheduleWords(identity)}</Fact>
      <Fact name="Credential">
        {credentialWords(identity)}
        {credential.types.length > 0 && <> · {credential.types.join(", ")}</>}
        {credential.rotated_at !== null && (
          <>
            {" "}
            · rotated <Time value={credential.rotated_at} />
          </>
        )}
        {credential.rotated_at === null && credential.connected_at !== null && (
          <>
            {" "}
            · since <Time value={credential.connected_at} />
          </>
        )}
      </Fact>
      <Fact name="Last attempt">
        {attemptWord(identity)}
        {identity.last_attempt_at !== null && (
          <>
            {" "}
            · <Time value={identity.last_attempt_at} />
          </>
        )}
      </Fact>
      <Fact name="Failures since the last success">
        {formatCount(identity.failures)}
        {identity.failing_since !== null && (
          <>
            {" "}
            · first <Time value={identity.failing_since} />
          </>
        )}
      </Fact>
      <Fact name="Conversations">{formatCount(identity.conversations_count)}</Fact>
      <Fact name="Messages counted">
        {identity.counts_as_of === null ? "First count in progress" : <Time value={identity.counts_as_of} />}
      </Fact>
      {identity.last_success_at !== identity.last_sync_at && (
        <Fact name="Last recorded success">
          {identity.last_success_at === null ? "None recorded" : <Time value={identity.last_success_at} />}
        </Fact>
      )}
    </dl>
  );
}
