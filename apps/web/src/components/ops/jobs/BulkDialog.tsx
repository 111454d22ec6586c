"use client";

import { useId, useState } from "react";

import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";

import { plural } from "../data/formatting";
import { OpsError } from "../data/problem";
import { useBulkPreview, type BulkFilter, type BulkRequest, type Verb } from "../data/useBulkAction";
import { ConfirmDialogContent } from "../shared/ConfirmDialogContent";
import { BulkPreview } from "./BulkPreview";
import { Reason } from "./Reason";

/** So many go first, where somebody wants to see whether the cause is gone. */
const CANARY = 5;

interface Props {
  verb: Verb;
  filter: BulkFilter;
  /** The filter in words: "failed jobs of type media.transcode". */
  words: string;
  pending: boolean;
  onAct: (request: BulkRequest) => Promise<unknown>;
  onClose: () => void;
}

/** Acting on all jobs of a filter: first what would happen, then one click. */
export function BulkDialog({ verb, filter, words, pending, onAct, onClose }: Props) {
  const preview = useBulkPreview(verb, filter);
  const [reason, setReason] = useState("");
  const [canary, setCanary] = useState(false);
  const [missing, setMissing] = useState(false);
  const [refusal, setRefusal] = useState<string | null>(null);
  const reasonId = useId();
  const canaryId = useId();
  const Verb = verb === "retry" ? "Retry" : "Cancel";
  const seen = preview.data;
  // Those beyond the ones that were looked at one by one are tried too.
  const count = seen && (seen.will_retry ?? seen.will_cancel ?? 0) + seen.matched - seen.looked_at;
  const first = verb === "retry" && count !== undefined && count > CANARY;

  const submit = async () => {
    if (!seen || !count || pending || preview.isFetching) return;
    if (!reason.trim()) {
      setMissing(true);
      document.getElementById(reasonId)?.focus();
      return;
    }
    setRefusal(null);
    try {
      await onAct({
        verb,
        filter,
        preview: seen,
        reason: reason.trim(),
        ...(first && canary && { canary: CANARY }),
      });
      onClose();
    } catch (error) {
      if (!(error instanceof OpsError)) throw error;
      setRefusal(error.message);
      if (error.status === 409) void preview.refetch();
    }
  };

  return (
    <ConfirmDialogContent
      open
      onOpenChange={(open) => !open && onClose()}
      action={count ? `${Verb} ${plural(count, "job")}` : `${Verb} ${words}`}
      onConfirm={() => void submit()}
      pending={pending}
      destructive={verb === "cancel"}
      blocked={blockedBy(preview, count, verb)}
      error={refusal}
      closeLabel={verb === "cancel" ? "Keep jobs" : "Close"}
    >
      {preview.isPending && (
        <div role="status" className="grid gap-2">
          <span className="sr-only">Counting jobs</span>
          <Skeleton className="h-4 w-2/3" />
          <Skeleton className="h-4 w-1/2" />
          <Skeleton className="h-16 w-full" />
        </div>
      )}
      {preview.isError && (
        <div role="alert" className="grid justify-items-start gap-2">
          <p className="text-destructive">{preview.error.message}</p>
          <Button type="button" variant="outline" size="sm" onClick={() => void preview.refetch()}>
            Try again
          </Button>
        </div>
      )}
      {seen && <BulkPreview verb={verb} preview={seen} words={`Filter: ${words}`} />}
      {count ? (
        <form
          noValidate
          className="grid gap-3"
          onSubmit={(event) => {
            event.preventDefault();
            void submit();
          }}
        >
          {first && (
            <p className="flex items-start gap-2">
              <input
                id={canaryId}
                type="checkbox"
                className="mt-1 size-4 accent-primary"
                checked={canary}
                onChange={(event) => setCanary(event.target.checked)}
                aria-describedby={`${canaryId}-hint`}
              />
              <span>
                <label htmlFor={canaryId} className="font-medium text-foreground">
                  Retry {CANARY} first
                </label>
                <span id={`${canaryId}-hint`} className="block">
                  The others follow only if these succeed.
                </span>
              </span>
            </p>
          )}
          <Reason
            id={reasonId}
            value={reason}
            onChange={setReason}
            required
            missing={missing && !reason.trim()}
            hint="Required. Kept in the audit log."
          />
        </form>
      ) : null}
    </ConfirmDialogContent>
  );
}

function blockedBy(
  preview: ReturnType<typeof useBulkPreview>,
  count: number | undefined,
  verb: Verb,
): string | null {
  if (preview.isFetching) return "Counting jobs.";
  if (preview.isError) return "The preview failed.";
  if (count) return null;
  return verb === "retry" ? "No job can be retried." : "No job can be cancelled.";
}
