// Records answers of a real console for the components' tests: tests/recorded/*.json, each with its request, status and body.
//
//   CONSOLE=http://127.0.0.1:8000 OPERATOR=<session> VIEWER=<session> node tests/record.mjs
//
// CONSOLE should have the demonstration's data and a running worker; the sessions are values of the core's cookie. With names as
// arguments only these are recorded. HIDE names folders (separated by colons) that the answers shall not show.

import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { call, get, post, until, VIEWER } from "./console.mjs";

const only = new Set(process.argv.slice(2));
const folder = fileURLToPath(new URL("./recorded/", import.meta.url));

const NOBODY = "00000000-0000-4000-8000-000000000000";

async function firstJob(query, fits = () => true) {
  const { body } = await get(`/ops/jobs?limit=200&${query}`);
  const job = body.jobs.find(fits);
  if (!job) throw new Error(`No job with ${query}.`);
  return job.id;
}

async function slowIdentity() {
  const { body } = await get("/ops/sync/status");
  return (body.identities.find((one) => !one.active_job && one.health.status === "ok") ?? body.identities[0])
    .identity_id;
}

/** Name → how it is recorded, in this order: what changes nothing first. */
const RECORDINGS = {
  meta: () => get("/ops/meta"),
  meta_viewer: () => get("/ops/meta", { session: VIEWER }),
  health: () => get("/ops/health"),
  jobs: () => get("/ops/jobs?limit=50&offset=0"),
  jobs_failed: () => get("/ops/jobs?status=failed&limit=50&offset=0"),
  jobs_viewer: () => get("/ops/jobs?limit=50&offset=0", { session: VIEWER }),
  jobs_none: () =>
    get("/ops/jobs?job_type=ingest.sync_delta&status=cancelled&created_before=2001-01-01T00:00:00Z"),
  counts: () => get("/ops/jobs/counts"),
  job_failed: async () => get(`/ops/jobs/${await firstJob("status=failed", (job) => job.can.retry)}`),
  job_unknown_outcome: async () =>
    get(`/ops/jobs/${await firstJob("status=failed", (job) => job.can.confirm)}`),
  job_done: async () => get(`/ops/jobs/${await firstJob("status=done")}`),
  job_retrying: async () => get(`/ops/jobs/${await firstJob("status=retrying")}`),
  job_stuck: async () => get(`/ops/jobs/${await firstJob("stuck=true")}`),
  sync_status: () => get("/ops/sync/status"),
  sync_status_all: () => get("/ops/sync/status?include_inactive=true"),
  identities: () => get("/ops/identities"),
  identity: async () => get(`/ops/identities/${await slowIdentity()}`),
  conversations: () => get("/ops/conversations?limit=20"),
  conversations_none: () => get("/ops/conversations?q=nobody-is-called-so"),
  backup_status: () => get("/ops/backup/status"),
  backup_history: () => get("/ops/backup/history?limit=10&offset=0"),
  runs: () => get("/ops/runs?limit=20"),
  run: async () => {
    const { body } = await get("/ops/runs?limit=50");
    return get(`/ops/runs/${body.runs.find((one) => one.status !== "pending").id}`);
  },
  preview_retry: () => post("/ops/jobs/retry", { filter: { status: "failed" }, dry_run: true }),
  preview_cancel: () => post("/ops/jobs/cancel", { filter: {}, dry_run: true }),
  error_401: () => get("/ops/jobs", { session: NOBODY }),
  error_403: async () => post(`/ops/jobs/${await firstJob("status=failed")}/retry`, {}, { session: VIEWER }),
  error_404: () => get("/ops/jobs/999999999"),
  error_400: () => get("/ops/jobs?status=unheard"),
  error_409: async () => post(`/ops/jobs/${await firstJob("status=done")}/cancel`, {}),
  error_409_confirm: async () =>
    post(`/ops/jobs/${await firstJob("status=failed", (job) => job.can.confirm)}/retry`, {}),
  error_409_count_changed: () =>
    post("/ops/jobs/retry", {
      filter: { status: "failed" },
      up_to_id: 1,
      expected: 500,
      reason: "Recorded",
    }),
  error_413: () => post("/ops/jobs/retry", { filter: { q: "x".repeat(3_000_000) }, dry_run: true }),
  error_422: async () => {
    const key = `recorded-${Date.now()}`;
    await post("/ops/jobs/retry", { filter: { status: "failed" }, dry_run: true }, { key });
    await post("/conversations/sync", { identity_id: 987654 }, { key });
    return post("/conversations/sync", { identity_id: 987655 }, { key });
  },
  // These start and change something.
  accepted: async () => post("/ops/backfill/conversations", { identity_id: await slowIdentity() }),
  run_pending: async () => {
    const { body } = await get("/ops/runs?limit=10");
    return get(`/ops/runs/${(body.runs.find((one) => one.status === "pending") ?? body.runs[0]).id}`);
  },
  job_running: async () => {
    // Only some of the providers' tasks report their progress.
    const { body } = await get("/ops/sync/status");
    const reporting = body.identities.filter(
      (one) => one.provider_id === "reddit" && one.health.status === "ok",
    );
    for (const one of reporting) await post("/ops/backfill/conversations", { identity_id: one.identity_id });
    let found;
    await until(
      () => get("/ops/jobs?status=running&limit=50"),
      (page) => (found = page.jobs.find((job) => job.progress?.total)),
    );
    return get(`/ops/jobs/${found.id}`);
  },
  accepted_all: () => post("/ops/backfill/conversations", {}),
  poll_pending: async () => {
    const { body } = await get("/ops/runs?limit=1");
    return get(`/ops/backfill/${body.runs[0].id}`);
  },
  sync_status_active: () =>
    until(
      () => get("/ops/sync/status"),
      (overview) => overview.identities.some((one) => one.active_job),
    ),
  accepted_messages: async () => {
    const { body } = await get("/ops/conversations?limit=3");
    return post("/ops/backfill/messages", { conversation_ids: body.conversations.map((one) => one.id) });
  },
  accepted_attachments: () => post("/ops/redownload/attachments", { limit: 5 }),
  accepted_sync: async () => post(`/conversations/sync?identity_id=${await slowIdentity()}`),
  schedule: async () =>
    call("PUT", `/ops/identities/${await slowIdentity()}/schedule`, { body: { every_minutes: 15 } }),
  retried: async () =>
    post(
      `/ops/jobs/${await firstJob("status=failed", (job) => job.can.retry && !job.can.confirm)}/retry`,
      {},
    ),
  cancelled: async () =>
    post(`/ops/jobs/${await firstJob("status=queued,retrying", (job) => job.can.cancel)}/cancel`, {}),
  marked_failed: async () =>
    post(`/ops/jobs/${await firstJob("stuck=true", (job) => job.can.fail)}/fail`, {
      reason: "Its worker is gone.",
    }),
  accepted_backup: () => post("/ops/backup/trigger", { kind: "database" }),
  backup_status_running: () =>
    until(
      () => get("/ops/backup/status"),
      (status) => Object.values(status.running.backups).some(Boolean),
    ),
  error_409_backup: () => post("/ops/backup/trigger", { kind: "database" }),
  accepted_restore_test: async () => {
    await until(
      () => get("/ops/backup/status"),
      (status) => !Object.values(status.running.backups).some(Boolean),
    );
    return post("/ops/backup/restore-test", {});
  },
  backup_status_testing: () =>
    until(
      () => get("/ops/backup/status"),
      (status) => Object.values(status.running.restore_tests).some(Boolean),
    ),
};

await mkdir(folder, { recursive: true });
for (const [name, record] of Object.entries(RECORDINGS)) {
  if (only.size > 0 && !only.has(name)) continue;
  try {
    const recording = await record();
    await writeFile(path.join(folder, `${name}.json`), `${JSON.stringify(recording, null, 1)}\n`);
    console.log(`${name}: ${recording.status}`);
  } catch (error) {
    console.error(`${name}: not recorded. ${error.message}`);
    process.exitCode = 1;
  }
}
