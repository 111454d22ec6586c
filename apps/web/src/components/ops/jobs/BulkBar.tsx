"use client";

import dynamic from "next/dynamic";
import { useState } from "react";

import type { JobCounts } from "../data/schema.generated";
import { countFilters, useUrlState } from "../data/urlState";
import type { useBulkAction, Verb } from "../data/useBulkAction";
import { useMeta } from "../data/useMeta";
import { ActionButton } from "../shared/ActionButton";
import { inWords } from "./filters";

const BulkDialog = dynamic(() => import("./BulkDialog").then((module) => module.BulkDialog), { ssr: false });

export type Bulk = ReturnType<typeof useBulkAction>;

interface Props {
  counts: JobCounts | undefined;
  bulk: Bulk;
  identityName?: string;
}

const ACTIVE = ["queued", "running", "retrying"] as const;

/** Retry or cancel all jobs of the list's filters, where there are any and the user may. */
export function BulkBar({ counts, bulk, identityName }: Props) {
  const [params] = useUrlState();
  const meta = useMeta().data;
  const [asking, setAsking] = useState<Verb | null>(null);
  const { status } = params;
  const active = ACTIVE.filter((one) => status === null || status === one);
  const canRetry = meta?.may.retry && (status === null || status === "failed") && (counts?.failed ?? 0) > 0;
  const canCancel =
    meta?.may.cancel &&
    meta.supports.cancel &&
    active.reduce((sum, one) => sum + (counts?.[one] ?? 0), 0) > 0;
  const words = (verb: Verb) =>
    verb === "retry"
      ? inWords("failed", params, identityName)
      : inWords(status, params, identityName).replace(/^jobs/, "active jobs");

  return (
    <>
      {canRetry && <ActionButton onClick={() => setAsking("retry")}>Retry failed jobs…</ActionButton>}
      {canCancel && (
        <ActionButton onClick={() => setAsking("cancel")}>Cancel {status ?? "active"} jobs…</ActionButton>
      )}
      {asking !== null && (
        <BulkDialog
          verb={asking}
          words={words(asking)}
          filter={{ ...countFilters(params), ...(asking === "cancel" && status && { status }) }}
          pending={bulk.isPending}
          onAct={bulk.mutateAsync}
          onClose={() => setAsking(null)}
        />
      )}
    </>
  );
}
