import type {
  Accepted,
  Conversation,
  ConversationPage,
  Meta,
  Run,
  RunJob,
  RunPage,
  RunSummary,
  SyncOverview,
  SyncStatus,
} from "../data/schema.generated";
import { answer, recorded } from ".";

/** What the console has answered, with what a test changes. Each changed body is checked against the description. */

export const RUN_ID = "febcfa2c-5436-47d1-9a61-83316069b694";
export const OTHER_ID = "355a4b2f-aea1-4796-be7d-007eabf4230e";

export function aRun(changes: Partial<Run> = {}): Run {
  return { ...recorded<Run>("run_done"), id: RUN_ID, ...changes };
}

/** A run that goes on, of one job. */
export function aPendingRun(changes: Partial<Run> = {}): Run {
  return aRun({
    status: "pending",
    by_status: { running: 1 },
    job_count: 1,
    cancelling: 0,
    progress: null,
    result: null,
    jobs: [aJob({ status: "running", outcome: null, result: null, progress: null, duration_ms: null })],
    ...changes,
  });
}

export function aJob(changes: Partial<RunJob> = {}): RunJob {
  const [job] = recorded<Run>("run_done").jobs;
  if (job === undefined) throw new Error("The recorded run has no job.");
  return { ...job, joined: false, ...changes };
}

export function summaryOf({
  jobs: _jobs,
  result: _result,
  left_out: _left,
  conversations: _conversations,
  ...run
}: Run): RunSummary {
  return run;
}

export function aPage(...runs: Run[]): RunPage {
  return { runs: runs.map(summaryOf), next: null, previous: null };
}

export function accepted(changes: Partial<Accepted> = {}): Accepted {
  return { ...recorded<Accepted>("accepted"), job_id: RUN_ID, ...changes };
}

export function aConversation(
  id: number,
  counterpart: string,
  changes: Partial<Conversation> = {},
): Conversation {
  const [conversation] = recorded<ConversationPage>("conversations").conversations;
  if (conversation === undefined) throw new Error("No conversation was recorded.");
  return { ...conversation, id, counterpart, ...changes };
}

export function anIdentity(id: number, display_name: string, changes: Partial<SyncStatus> = {}): SyncStatus {
  const [identity] = recorded<SyncOverview>("sync_status").identities;
  if (identity === undefined) throw new Error("No identity was recorded.");
  return { ...identity, identity_id: id, id, display_name, ...changes };
}

export function anOverview(identities: SyncStatus[], changes: Partial<SyncOverview> = {}): SyncOverview {
  return { ...recorded<SyncOverview>("sync_status"), identities, ...changes };
}

export function aMeta(may: Partial<Meta["may"]> = {}, supports: Partial<Meta["supports"]> = {}): Meta {
  const meta = recorded<Meta>("meta");
  return { ...meta, may: { ...meta.may, ...may }, supports: { ...meta.supports, ...supports } };
}

export const VIEWER: Partial<Meta["may"]> = {
  sync: false,
  backfill: false,
  cancel: false,
  retry: false,
  schedule: false,
};

/** Answers what both panels ask first: two identities, no run, and an operator. */
export function answerFirst({
  identities = [anIdentity(1, "Quiet Harbor"), anIdentity(7, "Night Bus 42")],
  runs = [],
  may = {},
}: { identities?: SyncStatus[]; runs?: Run[]; may?: Partial<Meta["may"]> } = {}): void {
  answer("/ops/meta", aMeta(may));
  answer("/ops/sync/status", anOverview(identities));
  answer("/ops/runs", ({ url }: { url: URL }) =>
    url.searchParams.get("operation") === "backfill.trigger" ? aPage(...runs) : aPage(),
  );
}
