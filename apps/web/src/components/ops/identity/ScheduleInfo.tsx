"use client";

import dynamic from "next/dynamic";
import { useState } from "react";

import type { SyncStatus } from "../data/schema.generated";
import { useMeta } from "../data/useMeta";
import { ActionButton } from "../shared/ActionButton";
import { scheduleWords } from "../sync/words";

// The dialog's code arrives with the first click.
const ScheduleDialog = dynamic(
  () => import("../sync/ScheduleDialog").then((module) => module.ScheduleDialog),
  {
    ssr: false,
  },
);

/** What syncs an identity and when; for those who may, with the button that changes it. */
export function ScheduleInfo({ identity }: { identity: SyncStatus }) {
  const [open, setOpen] = useState(false);
  const meta = useMeta().data;
  const isSupported = meta?.supports.schedules ?? false;
  return (
    <>
      <span className="block">{scheduleWords(identity)}</span>
      {meta?.may.schedule && (
        <ActionButton
          size="sm"
          variant="outline"
          className="mt-1"
          allowed={isSupported}
          reason={isSupported ? undefined : "This installation reads no schedules from here."}
          onClick={() => setOpen(true)}
        >
          Change schedule
        </ActionButton>
      )}
      {open && <ScheduleDialog identity={identity} open onOpenChange={setOpen} />}
    </>
  );
}
