import { useState } from "react";

import type { SyncStatus } from "../data/schema.generated";
import { keepPlaces, layoutOf, newlyInNeed, recovered } from "./order";

/** Sorts identities once, and again only when somebody asks: no refresh moves a row that is being read or clicked. */
export function useLayout(identities: SyncStatus[]) {
  const [remembered, setRemembered] = useState(() => layoutOf(identities));
  const layout = keepPlaces(remembered, identities);
  if (layout !== remembered) setRemembered(layout);
  return {
    layout,
    inNeed: newlyInNeed(layout, identities),
    recovered: recovered(layout, identities),
    sortAgain: () => setRemembered(layoutOf(identities)),
  };
}
