"use client";

import { useId, useRef, useState, type FormEvent } from "react";

import { Button } from "@/components/ui/button";
import { Dialog, DialogContent, DialogDescription, DialogHeader, DialogTitle } from "@/components/ui/dialog";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import type { SyncStatus } from "../data/schema.generated";
import { useClearSchedule, useSetSchedule } from "../data/useSchedule";
import { LEAST_MINUTES, minutesOf, MOST_MINUTES, wrongMinutes } from "./minutes";
import { scheduleWords } from "./words";

interface Props {
  identity: SyncStatus;
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

/** Sets, switches off or deletes an identity's own sync schedule. */
export function ScheduleDialog({ identity, open, onOpenChange }: Props) {
  const id = useId();
  const opener = useRef<Element | null>(null);
  const close = () => onOpenChange(false);
  const set = useSetSchedule(close);
  const clear = useClearSchedule(close);
  const own = identity.schedule_is_own;
  const [minutes, setMinutes] = useState(() => String(minutesOf(identity.schedule) ?? ""));
  const [wrong, setWrong] = useState<string | null>(null);
  const isOn = identity.scheduled === "on" || identity.scheduled === "paused";
  const pending = set.isPending || clear.isPending;
  const refused = (set.error ?? clear.error)?.message;

  function save(event: FormEvent) {
    event.preventDefault();
    const problem = wrongMinutes(minutes);
    setWrong(problem);
    if (problem === null)
      set.mutate({ identityId: identity.identity_id, everyMinutes: Number(minutes), enabled: true });
  }

  return (
    <Dialog open={open} onOpenChange={onOpenChange}>
      <DialogContent
        onOpenAutoFocus={() => {
          opener.current = document.activeElement;
        }}
        onCloseAutoFocus={(event) => {
          // The dialog has no trigger of its own, so it can't know where the focus came from.
          event.preventDefault();
          if (opener.current instanceof HTMLElement) opener.current.focus();
        }}
      >
        <DialogHeader>
          <DialogTitle className="[overflow-wrap:anywhere]">
            Sync schedule of <bdi>{identity.display_name}</bdi>
          </DialogTitle>
          <DialogDescription>Now: {scheduleWords(identity)}.</DialogDescription>
        </DialogHeader>
        <form noValidate onSubmit={save} className="space-y-2">
          <Label htmlFor={`${id}-minutes`}>Sync every (minutes)</Label>
          <Input
            id={`${id}-minutes`}
            type="number"
            inputMode="numeric"
            min={LEAST_MINUTES}
            max={MOST_MINUTES}
            value={minutes}
            aria-invalid={wrong !== null}
            aria-describedby={`${id}-hint`}
            onChange={(event) => {
              setMinutes(event.target.value);
              setWrong(null);
            }}
          />
          <p
            id={`${id}-hint`}
            className={wrong ? "text-sm text-destructive" : "text-sm text-muted-foreground"}
          >
            {wrong ?? "1 to 10,080 (a week). Replaces the default schedule for this identity."}
          </p>
          {refused && (
            <p role="alert" className="text-sm text-destructive [overflow-wrap:anywhere]">
              {refused}
            </p>
          )}
          <div className="flex flex-wrap justify-end gap-2 pt-2">
            <Button type="button" variant="outline" onClick={close}>
              Close
            </Button>
            {own && (
              <Button
                type="button"
                variant="outline"
                disabled={pending}
                onClick={() => clear.mutate({ identityId: identity.identity_id })}
              >
                Use default schedule
              </Button>
            )}
            {isOn && (
              <Button
                type="button"
                variant="outline"
                disabled={pending}
                onClick={() => set.mutate({ identityId: identity.identity_id, enabled: false })}
              >
                Turn off schedule
              </Button>
            )}
            {own && identity.scheduled === "off" && identity.is_active && (
              <Button
                type="button"
                variant="outline"
                disabled={pending}
                onClick={() => set.mutate({ identityId: identity.identity_id, enabled: true })}
              >
                Turn on schedule
              </Button>
            )}
            {identity.is_active && (
              <Button type="submit" disabled={pending}>
                Save schedule
              </Button>
            )}
          </div>
        </form>
      </DialogContent>
    </Dialog>
  );
}
