import type { SyncStatus } from "../data/schema.generated";
import { Time } from "../shared/Time";
import { credentialWords } from "../sync/words";

/** Which credentials an identity has and how old they are. Secrets never reach the page. */
export function CredentialInfo({ identity }: { identity: SyncStatus }) {
  const { types, connected_at: connectedAt, rotated_at: rotatedAt } = identity.credential;
  return (
    <>
      {credentialWords(identity)}
      {types.length > 0 && (
        <span className="text-muted-foreground"> · {types.map(typeWords).join(", ")}</span>
      )}
      {connectedAt !== null && (
        <span className="block text-muted-foreground">
          Connected <Time value={connectedAt} />
        </span>
      )}
      {rotatedAt !== null && (
        <span className="block text-muted-foreground">
          Rotated <Time value={rotatedAt} />
        </span>
      )}
    </>
  );
}

function typeWords(type: string): string {
  return type.replaceAll("_", " ");
}
