"use client";

import { Button } from "@/components/ui/button";

import type { Job } from "../data/schema.generated";
import { ActionButton } from "../shared/ActionButton";
import { offersOf, useJobActions, WORDS, type ActionKind, type Offer } from "./actions";

const IN_ROW: readonly ActionKind[] = ["retry", "fail", "cancel"];

/** What can be done with a job. In a row, what is rare and harsh is in the menu. */
export function JobButtons({ job, all = false }: { job: Job; all?: boolean }) {
  const { may, notes, deleteUrlOf } = useJobActions();
  const offers = offersOf(job, may, notes.get(job.id), deleteUrlOf(job) !== null);
  return (
    <div className={all ? "flex flex-wrap gap-2" : "flex flex-wrap gap-2 xl:justify-end"}>
      {offers
        .filter(({ kind }) => all || IN_ROW.includes(kind))
        .map((offer) =>
          offer.kind === "retry" ? (
            <RetryButton key="retry" job={job} offer={offer} />
          ) : (
            <OfferButton key={offer.kind} job={job} offer={offer} words={WORDS[offer.kind]} />
          ),
        )}
      {!all && <MenuButton job={job} />}
    </div>
  );
}

/** Queue a failed job again; asks first where nobody knows whether it took effect. */
export function RetryButton({ job, offer }: { job: Job; offer: Offer }) {
  return <OfferButton job={job} offer={offer} words={job.can.confirm ? "Retry job…" : "Retry job"} />;
}

function OfferButton({ job, offer, words }: { job: Job; offer: Offer; words: string }) {
  const { begin, pending } = useJobActions();
  const { kind, allowed, reason } = offer;
  return (
    <ActionButton
      label={
        kind === "fail" || kind === "delete" ? `${WORDS[kind]}: job ${job.id}` : `${WORDS[kind]} ${job.id}`
      }
      allowed={allowed}
      reason={reason}
      pending={pending.get(job.id) === kind}
      onClick={() => begin(kind, job)}
    >
      {words}
    </ActionButton>
  );
}

function MenuButton({ job }: { job: Job }) {
  const { openMenu, menuOf } = useJobActions();
  return (
    <Button
      type="button"
      size="sm"
      variant="ghost"
      aria-haspopup="menu"
      aria-expanded={menuOf === job.id}
      aria-label={`More for job ${job.id}`}
      onClick={(event) => openMenu(job, event.currentTarget)}
    >
      <span aria-hidden="true">⋯</span>
    </Button>
  );
}
