// What a front end's server does for whoever is logged in: it forwards the cookie of the core's session, and has
// neither a CSRF token nor, unless ORIGIN says so, an Origin. Prints what came of it as one line of JSON.
//
// Environment: BASE (address that serves both), SESSION (the cookie's value), IDENTITY and JOB (ids), ORIGIN.

const { BASE, SESSION, IDENTITY, JOB, ORIGIN } = process.env;
const PATIENCE_MS = 240_000;

async function call(method, path, body) {
  const headers = { Accept: "application/json", Cookie: `session=${SESSION}` };
  if (body) headers["Content-Type"] = "application/json";
  if (ORIGIN) headers.Origin = ORIGIN;
  const response = await fetch(new URL(path, BASE), {
    method,
    headers,
    body: body && JSON.stringify(body),
    redirect: "error",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  return { status: response.status, answer: await response.json() };
}

async function ended(path, isOpen) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const { answer } = await call("GET", path);
    if (!isOpen(answer) || Date.now() > deadline) return answer;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const isPending = ({ status }) => status === "pending";
const isActive = ({ status }) => ["queued", "running", "retrying"].includes(status);

const sync = await call("POST", `/conversations/sync?identity_id=${IDENTITY}`);
if (sync.status === 202) sync.ended = await ended(`/conversations/sync/${sync.answer.job_id}`, isPending);

const backfill = await call("POST", "/ops/backfill/conversations", { identity_id: Number(IDENTITY) });
if (backfill.status === 202) backfill.ended = await ended(`/ops/backfill/${backfill.answer.job_id}`, isPending);

const retry = await call("POST", `/ops/jobs/${JOB}/retry`);
if (retry.status === 200) retry.ended = await ended(`/ops/jobs/${JOB}`, isActive);

const elsewhere = await call("GET", "/conversations/1");
const jobs = await call("GET", "/ops/jobs?limit=1");

console.log(JSON.stringify({ sync, backfill, retry, elsewhere, jobs }));
