"use client";

import { useRef } from "react";

import {
  DropdownMenu,
  DropdownMenuContent,
  DropdownMenuItem,
  DropdownMenuSeparator,
  DropdownMenuTrigger,
} from "@/components/ui/dropdown-menu";

import type { Job } from "../data/schema.generated";
import { useHref } from "../data/urlState";
import { useAnnounce } from "../shared/Announcer";
import { offersOf, useJobActions, WORDS, type ActionKind } from "./actions";

interface Props {
  job: Job;
  /** The row's button: the menu opens at it and gives the focus back to it. */
  button: HTMLElement;
  onClose: () => void;
}

/** The one menu of the table. */
export function JobMenu({ job, button, onClose }: Props) {
  const { may, notes, begin, deleteUrlOf } = useJobActions();
  const announce = useAnnounce();
  const href = useHref();
  const offers = offersOf(job, may, notes.get(job.id), deleteUrlOf(job) !== null);
  const { left, bottom, width } = button.getBoundingClientRect();
  // Begun only once the menu is gone and its button has the focus: that is where a dialog gives the focus back.
  const chosen = useRef<ActionKind | null>(null);
  const copy = async (what: string, text: string) => {
    try {
      // Outside HTTPS there is no clipboard.
      await navigator.clipboard.writeText(text);
      announce(`${what} copied`);
    } catch {
      announce(`${what} not copied. The browser refused.`);
    }
  };
  return (
    <DropdownMenu open onOpenChange={(open) => !open && onClose()}>
      <DropdownMenuTrigger asChild>
        {/* It names the menu and says where it opens; the row's own button stays what is clicked. */}
        <span
          aria-hidden="true"
          className="fixed overflow-hidden"
          style={{ left, top: bottom, width, height: 0 }}
        >
          Job {job.id}
        </span>
      </DropdownMenuTrigger>
      <DropdownMenuContent
        align="start"
        onCloseAutoFocus={(event) => {
          event.preventDefault();
          button.focus();
          if (chosen.current) begin(chosen.current, job);
        }}
      >
        {offers
          .filter(({ allowed }) => allowed)
          .map(({ kind }) => (
            <DropdownMenuItem key={kind} onSelect={() => (chosen.current = kind)}>
              {WORDS[kind]}
              {kind !== "retry" && "…"}
            </DropdownMenuItem>
          ))}
        {offers.some(({ allowed }) => allowed) && <DropdownMenuSeparator />}
        <DropdownMenuItem onSelect={() => copy("Job id", String(job.id))}>Copy id</DropdownMenuItem>
        <DropdownMenuItem onSelect={() => copy("Link", new URL(href({ job: job.id }), location.href).href)}>
          Copy link
        </DropdownMenuItem>
        {job.last_error && (
          <DropdownMenuItem onSelect={() => copy("Error", job.last_error ?? "")}>Copy error</DropdownMenuItem>
        )}
      </DropdownMenuContent>
    </DropdownMenu>
  );
}
