"use client";

import { useState } from "react";
import { cn } from "@/lib/utils";
import { BackfillForms } from "./backfill/BackfillForms";
import { BackfillProgress, type Started } from "./backfill/BackfillProgress";
import type { Accepted } from "./data/schema.generated";
import { useBackfillRuns } from "./data/useBackfill";
import { useMay } from "./data/useMeta";
import { PanelFrame } from "./shared/PanelFrame";

const KEPT = 5;

/** Backfills of identities, of conversations' messages and of attachments: start them, and see how far they are. */
export function BackfillPanel() {
  const runs = useBackfillRuns();
  const mayBackfill = useMay("backfill");
  const [started, setStarted] = useState<Started[]>([]);

  function onStarted(accepted: Accepted, names?: Started["names"]): void {
    setStarted((before) =>
      [{ accepted, names }, ...before.filter((one) => one.accepted.job_id !== accepted.job_id)].slice(
        0,
        KEPT,
      ),
    );
  }

  return (
    <PanelFrame
      title="Backfill"
      query={runs}
      isEmpty={(list) => list.length === 0 && started.length === 0 && !mayBackfill}
      empty="No backfill has run yet."
    >
      {(list) => (
        <div className="@container">
          <div className={cn("grid gap-6", mayBackfill && "@lg:grid-cols-2")}>
            {mayBackfill && <BackfillForms onStarted={onStarted} />}
            <section aria-labelledby="backfill-progress" className="min-w-0 space-y-3">
              <h3 id="backfill-progress" className="font-medium">
                Progress
              </h3>
              <BackfillProgress started={started} runs={list} listedAt={runs.dataUpdatedAt} />
            </section>
          </div>
        </div>
      )}
    </PanelFrame>
  );
}
