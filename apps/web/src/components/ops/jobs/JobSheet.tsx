"use client";

import type { KeyboardEvent } from "react";

import { Button } from "@/components/ui/button";
import { Sheet, SheetContent, SheetDescription, SheetHeader, SheetTitle } from "@/components/ui/sheet";
import { Skeleton } from "@/components/ui/skeleton";

import type { OpsError } from "../data/problem";
import type { Job } from "../data/schema.generated";
import { useJob } from "../data/useJob";
import { useHref } from "../data/urlState";
import { useAnnounce } from "../shared/Announcer";
import { CopyButton } from "../shared/CopyButton";
import { JobBody } from "./JobBody";

interface Props {
  id: number;
  /** The rows on the screen, in their order: J and K walk along them. */
  rows: readonly Job[];
  onOpen: (id: number) => void;
  onClose: () => void;
}

/** Everything about one job, beside the list. */
export function JobSheet({ id, rows, onOpen, onClose }: Props) {
  const query = useJob(id);
  const announce = useAnnounce();
  const href = useHref();
  const at = rows.findIndex((row) => row.id === id);
  // A job that isn't on the page has no neighbors; from there, the list begins at its first row.
  const next = rows[at + 1]?.id;
  const previous = at > 0 ? rows[at - 1]?.id : undefined;
  const go = (to: number | undefined, end: string) => (to === undefined ? announce(end) : onOpen(to));

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
    if (event.key === "j" || event.key === "J") go(next, "Last job on this page");
    if (event.key === "k" || event.key === "K") go(previous, "First job on this page");
  };

  return (
    <Sheet open onOpenChange={(open) => !open && onClose()}>
      <SheetContent
        className="w-full overflow-y-auto sm:max-w-2xl"
        onKeyDown={onKeyDown}
        onCloseAutoFocus={(event) => {
          event.preventDefault();
          focusRow(id);
        }}
      >
        <SheetHeader className="pr-8">
          <SheetTitle className="[overflow-wrap:anywhere]">
            {query.data ? `${query.data.type_title} #${id}` : `Job #${id}`}
          </SheetTitle>
          <SheetDescription className="[overflow-wrap:anywhere]">
            {query.data?.job_type ?? "Details of this job"}
          </SheetDescription>
          <div className="flex flex-wrap gap-2">
            <Step to={previous} onOpen={onOpen} shortcut="k">
              Previous job
            </Step>
            <Step to={next} onOpen={onOpen} shortcut="j">
              Next job
            </Step>
            <CopyButton text={String(id)} label="Copy id" showLabel />
            <CopyButton text={new URL(href({ job: id }), location.href).href} label="Copy link" showLabel />
          </div>
        </SheetHeader>
        <div className="px-4 pb-6">
          {query.data && <JobBody job={query.data} />}
          {query.isPending && <Loading />}
          {query.isError && <Failed error={query.error} retry={() => void query.refetch()} />}
        </div>
      </SheetContent>
    </Sheet>
  );
}

function Step({
  to,
  onOpen,
  shortcut,
  children,
}: {
  to: number | undefined;
  onOpen: (id: number) => void;
  shortcut: string;
  children: string;
}) {
  // Disabled by aria alone: at the end of the list, the button under the finger must not lose the focus.
  return (
    <Button
      type="button"
      size="sm"
      variant="outline"
      aria-disabled={to === undefined}
      aria-keyshortcuts={shortcut}
      className="aria-disabled:opacity-50"
      onClick={() => to !== undefined && onOpen(to)}
    >
      {children} <kbd aria-hidden="true">{shortcut.toUpperCase()}</kbd>
    </Button>
  );
}

function Loading() {
  return (
    <div role="status" className="space-y-3">
      <span className="sr-only">Loading job</span>
      <Skeleton className="h-5 w-40" />
      <Skeleton className="h-24 w-full" />
      <Skeleton className="h-40 w-full" />
    </div>
  );
}

function Failed({ error, retry }: { error: OpsError; retry: () => void }) {
  const final = [400, 403, 404].includes(error.status);
  return (
    <div role="alert" className="mt-4 space-y-2">
      <p dir="auto">{error.message}</p>
      {!final && (
        <Button type="button" size="sm" variant="outline" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}

function isTyping(target: EventTarget): boolean {
  return target instanceof HTMLElement && target.matches("input, textarea, select, [contenteditable]");
}

/** Give the focus to the row of the job that was shown last, or to the list where it has no row. */
function focusRow(id: number): void {
  const row = document.querySelector<HTMLElement>(`[data-job="${id}"] a`);
  (row ?? document.querySelector<HTMLElement>("[data-jobs]"))?.focus();
}
