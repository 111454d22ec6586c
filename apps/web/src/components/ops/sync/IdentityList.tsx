"use client";

import dynamic from "next/dynamic";
import { useCallback, useState } from "react";

import { Button } from "@/components/ui/button";
import { formatCount } from "../data/formatting";
import type { SyncStatus } from "../data/schema.generated";
import { useMeta } from "../data/useMeta";
import { IdentitySyncStatus } from "./IdentitySyncStatus";
import { useLayout } from "./useLayout";

const ScheduleDialog = dynamic(() => import("./ScheduleDialog").then((module) => module.ScheduleDialog), {
  ssr: false,
});

const FIRST = 20;

/** All identities, those first that need somebody. Rows keep their places until somebody sorts them again. */
export function IdentityList({ identities }: { identities: SyncStatus[] }) {
  const { layout, inNeed, recovered, sortAgain } = useLayout(identities);
  const meta = useMeta().data;
  const [showsAll, setShowsAll] = useState(false);
  const [scheduling, setScheduling] = useState<number | null>(null);
  const onSchedule = useCallback((identityId: number) => setScheduling(identityId), []);
  const byId = new Map(identities.map((identity) => [identity.identity_id, identity]));
  const shown = showsAll ? layout.ids : layout.ids.slice(0, FIRST);
  const chosen = scheduling === null ? undefined : byId.get(scheduling);
  return (
    <>
      {inNeed + recovered > 0 && (
        <p className="flex flex-wrap items-center gap-2 text-sm" role="status">
          {inNeed > 0
            ? `${formatCount(inNeed)} more ${inNeed === 1 ? "identity needs" : "identities need"} attention.`
            : `${formatCount(recovered)} ${recovered === 1 ? "identity has" : "identities have"} recovered.`}
          <Button size="sm" variant="outline" onClick={sortAgain}>
            Sort by health
          </Button>
        </p>
      )}
      <ul aria-label="Identities" className="mt-2">
        {shown.map((id) => {
          const identity = byId.get(id);
          return (
            identity && (
              <IdentitySyncStatus
                key={id}
                identity={identity}
                open={layout.open.has(id)}
                meta={meta}
                onSchedule={onSchedule}
              />
            )
          );
        })}
      </ul>
      {layout.ids.length > FIRST && (
        <Button variant="outline" size="sm" aria-expanded={showsAll} onClick={() => setShowsAll(!showsAll)}>
          {showsAll
            ? `Show the first ${FIRST} identities`
            : `Show all ${formatCount(layout.ids.length)} identities`}
        </Button>
      )}
      {chosen && (
        <ScheduleDialog
          key={chosen.identity_id}
          identity={chosen}
          open
          onOpenChange={(open) => {
            if (!open) setScheduling(null);
          }}
        />
      )}
    </>
  );
}
