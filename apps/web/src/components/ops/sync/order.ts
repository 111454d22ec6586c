import type { SyncStatus } from "../data/schema.generated";

const RANKS: Record<string, number> = {
  action_required: 0,
  failing: 1,
  late: 2,
  pending: 4,
  unknown: 5,
  on_track: 6,
};
const WARNING = 3;
const NEW_STATE = 5;
const INACTIVE = 7;

/** Return the place of an identity in the list: what needs somebody comes first. */
export function rankOf(identity: SyncStatus): number {
  const { state, status } = identity.health;
  if (!identity.is_active || state === "inactive") return INACTIVE;
  const rank = RANKS[state] ?? NEW_STATE;
  return rank > WARNING && (status === "warning" || status === "critical") ? WARNING : rank;
}

/** Whether an identity is shown with its cause unfolded. */
export function needsAttention(identity: SyncStatus): boolean {
  return rankOf(identity) <= WARNING;
}

/** Where each identity stands, and which are unfolded. */
export interface Layout {
  ids: number[];
  open: ReadonlySet<number>;
}

export function layoutOf(identities: SyncStatus[]): Layout {
  // Sorting is stable: within a rank the console's own order stays.
  const sorted = [...identities].sort((one, other) => rankOf(one) - rankOf(other));
  return {
    ids: sorted.map((identity) => identity.identity_id),
    open: new Set(sorted.filter(needsAttention).map((identity) => identity.identity_id)),
  };
}

/** Return a layout in which no row that was shown before moves: new identities come last, those gone are dropped. */
export function keepPlaces(before: Layout, identities: SyncStatus[]): Layout {
  const present = new Set(identities.map((identity) => identity.identity_id));
  const kept = before.ids.filter((id) => present.has(id));
  const known = new Set(kept);
  const added = identities.filter((identity) => !known.has(identity.identity_id));
  if (added.length === 0 && kept.length === before.ids.length) return before;
  const arrived = layoutOf(added);
  return {
    ids: [...kept, ...arrived.ids],
    open: new Set(Array.from(before.open).concat(Array.from(arrived.open))),
  };
}

/** Return how many identities need somebody now and did not when the list was sorted. */
export function newlyInNeed(layout: Layout, identities: SyncStatus[]): number {
  return identities.filter((identity) => needsAttention(identity) && !layout.open.has(identity.identity_id))
    .length;
}

/** Return how many are unfolded that no longer need somebody. */
export function recovered(layout: Layout, identities: SyncStatus[]): number {
  return identities.filter((identity) => !needsAttention(identity) && layout.open.has(identity.identity_id))
    .length;
}
