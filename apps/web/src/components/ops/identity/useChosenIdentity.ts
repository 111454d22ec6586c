import type { SyncStatus } from "../data/schema.generated";
import { useUrlState } from "../data/urlState";
import { useAsked } from "../sync/useAsked";

export type Chosen = {
  /** Null for all identities. */
  id: number | null;
  identity: SyncStatus | null;
  /** The address names an identity that isn't among the active ones. */
  isGone: boolean;
  choose: (id: number | null) => void;
};

/** The identity that the address names. Both panels that ask for one share it. */
export function useChosenIdentity(identities: SyncStatus[] | undefined): Chosen {
  const [{ identity: inUrl }, setUrl] = useUrlState();
  // At once: until the address follows, the buttons would still act on the last choice.
  const [id, ask] = useAsked(inUrl);
  const identity = identities?.find((one) => one.identity_id === id) ?? null;
  return {
    id,
    identity,
    isGone: id !== null && identities !== undefined && identity === null,
    // The jobs list follows the choice: its page may not be there any more.
    choose: (next) => {
      ask(next);
      setUrl({ identity: next, page: null });
    },
  };
}
