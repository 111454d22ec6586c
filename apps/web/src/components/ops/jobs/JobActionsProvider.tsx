"use client";

import dynamic from "next/dynamic";
import { useCallback, useMemo, useState, type ReactNode } from "react";

import { OpsError } from "../data/problem";
import type { Job } from "../data/schema.generated";
import { useJobAction, type JobAction } from "../data/useJobActions";
import { useMeta } from "../data/useMeta";
import { fill, JobActionsContext, type ActionKind, type JobActions, type Note } from "./actions";
import { conversationOf, messageOf } from "./words";

const JobDialog = dynamic(() => import("./JobDialog").then((module) => module.JobDialog), { ssr: false });
const JobMenu = dynamic(() => import("./JobMenu").then((module) => module.JobMenu), { ssr: false });

interface Asking {
  kind: ActionKind;
  job: Job;
  /** Why the API wants a confirmation, where it has said so. */
  sentence?: string;
}

interface Props {
  children: ReactNode;
  messageDeleteUrl?: string;
  inboxUrl: string;
}

/** One dialog and one menu for all rows, opened by row and loaded on first use. */
export function JobActionsProvider({ children, messageDeleteUrl, inboxUrl }: Props) {
  const meta = useMeta().data;
  const { mutateAsync } = useJobAction();
  const [pending, setPending] = useState<ReadonlyMap<number, ActionKind>>(new Map());
  const [notes, setNotes] = useState<ReadonlyMap<number, Note>>(new Map());
  const [asking, setAsking] = useState<Asking | null>(null);
  const [runOf, showRunOf] = useState<number | null>(null);
  const [menu, setMenu] = useState<{ job: Job; button: HTMLElement } | null>(null);

  /** Act, and return why that was refused, or null. */
  const act = useCallback(
    async (action: JobAction): Promise<string | null> => {
      const { kind, job } = action;
      const note = (tone: Note["tone"], text: string) =>
        setNotes((all) => new Map(all).set(job.id, { kind, tone, text }));
      setPending((all) => new Map(all).set(job.id, kind));
      try {
        const done = await mutateAsync(action);
        note(
          "done",
          done.warning && !done.message.includes(done.warning)
            ? `${done.message} ${done.warning}`
            : done.message,
        );
        setAsking((open) => (open?.job.id === job.id ? null : open));
        return null;
      } catch (error) {
        if (!(error instanceof OpsError)) throw error;
        if (error.code === "confirmation_required" && kind === "retry" && !action.confirm) {
          setAsking({ kind, job, sentence: error.detail });
          return null;
        }
        note("refused", error.message);
        return error.message;
      } finally {
        setPending((all) => new Map(Array.from(all).filter(([id]) => id !== job.id)));
      }
    },
    [mutateAsync],
  );

  const begin = useCallback(
    (kind: ActionKind, job: Job) => {
      if (kind === "retry" && !job.can.confirm) void act({ kind, job });
      else setAsking({ kind, job });
    },
    [act],
  );

  const deleteUrlOf = useCallback(
    (job: Job) =>
      fill(messageDeleteUrl, { message_id: messageOf(job), conversation_id: conversationOf(job) }),
    [messageDeleteUrl],
  );

  const may = meta?.may;
  const actions = useMemo<JobActions>(
    () => ({
      may: {
        retry: may?.retry ?? false,
        cancel: may?.cancel ?? false,
        terminate: (may?.terminate && may.cancel) ?? false,
        fail: may?.fail ?? false,
        // The host application's own route decides; who may not even retry is not offered it.
        delete: (messageDeleteUrl !== undefined && may?.retry) ?? false,
      },
      pending,
      notes,
      begin,
      openMenu: (job, button) => setMenu({ job, button }),
      menuOf: menu?.job.id ?? null,
      runOf,
      showRunOf,
      hrefOfConversation: (id) => fill(inboxUrl, { conversation_id: id }),
      deleteUrlOf,
    }),
    [may, messageDeleteUrl, inboxUrl, pending, notes, begin, menu, runOf, deleteUrlOf],
  );

  return (
    <JobActionsContext.Provider value={actions}>
      {children}
      {menu !== null && <JobMenu key={menu.job.id} {...menu} onClose={() => setMenu(null)} />}
      {asking !== null && (
        <JobDialog
          key={`${asking.kind} ${asking.job.id}`}
          {...asking}
          pending={pending.has(asking.job.id)}
          onAct={act}
          onClose={() => setAsking(null)}
        />
      )}
    </JobActionsContext.Provider>
  );
}
