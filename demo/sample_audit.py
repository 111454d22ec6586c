"""Sample audit trail: everything that people, the system and an agent did, and what was refused."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

from demo.cast import MEMBERS
from demo.ledger import SampleJob
from demo.rows import DAY, HOUR, copy_rows, encode, stamp

_COLUMNS = (
    "id",
    "ts",
    "actor",
    "action_type",
    "provider_id",
    "identity_id",
    "entity_type",
    "entity_id",
    "request_json",
    "response_json",
    "result",
    "error_detail",
)

_BY = ("owner", "marta", "jonas")
_VIA = ("admin", "admin", "api", "command")
_REASONS = (
    None,
    None,
    "provider answers again",
    "asked for by mail",
    "token was renewed",
    "after the bad night",
)
_FOR_JOB_TYPE = {
    "ingest.backfill_conversations": "backfill.trigger",
    "ingest.backfill_messages": "backfill.trigger",
    "ingest.redownload_attachments": "redownload_attachments.trigger",
    "message.send_manual": "message.send",
    "send_manual": "message.send",
    "maintenance.mysql_dump_local": "backup.trigger",
    "maintenance.restore_test_local": "restore_test.trigger",
}
_PROVIDER_OF = {member.id: member.provider_id for member in MEMBERS}


def load_audit(
    cursor: psycopg.Cursor[Any], rng: random.Random, now: int, jobs: Sequence[tuple[int, SampleJob]]
) -> None:
    """Load audit_log.

    Args:
        cursor: Where.
        rng: Where all choices come from.
        now: Seconds since 1970.
        jobs: The ledger's rows with their ids.

    Raises:
        psycopg.Error: A row isn't taken.
    """
    rows = [*_about_jobs(rng, jobs), *_about_schedules(rng, now), *_about_the_core(rng, now)]
    # Nobody has acted in the future yet.
    rows = sorted((row for row in rows if row[0] <= now), key=lambda row: row[0])
    copy_rows(
        cursor,
        "audit_log",
        _COLUMNS,
        ((number, stamp(moment), *rest) for number, (moment, *rest) in enumerate(rows, start=1)),
    )


_Row = tuple[Any, ...]


def _about_jobs(rng: random.Random, jobs: Sequence[tuple[int, SampleJob]]) -> Iterator[_Row]:
    for job_id, job in jobs:
        action = _FOR_JOB_TYPE.get(job.job_type)
        if action and (rng.random() < 0.25 or action.startswith(("backup", "restore"))):
            scheduled = job.queue_name == "maintenance" and rng.random() < 0.9
            yield _row(rng, job.created, action, job_id, job, actor="system" if scheduled else "user")
        if job.status == "cancelled":
            yield _row(rng, job.updated, "job.cancel", job_id, job)
        elif job.status == "failed" and rng.random() < 0.12:
            later = job.updated + rng.randint(60, 9 * HOUR)
            if job.job_type.endswith("send_manual"):
                yield _row(rng, later, "job.retry", job_id, job, refusal="The message may have gone out; confirm it.")
            elif rng.random() < 0.1:
                yield _row(rng, later, "job.retry", job_id, job, refusal="An identical job is active.")
            else:
                yield _row(rng, later, "job.retry", job_id, job)
        elif job.status == "failed" and rng.random() < 0.01:
            yield _row(rng, job.updated, "job.fail", job_id, job, reason="its worker was restarted")
        elif job.job_type == "ingest.sync_delta" and rng.random() < 0.02:
            yield _row(rng, job.created, "sync.trigger", job_id, job)


def _row(
    rng: random.Random,
    moment: int,
    action: str,
    job_id: int,
    job: SampleJob,
    *,
    actor: str = "user",
    reason: str | None = None,
    refusal: str | None = None,
) -> _Row:
    payload = job.payload if isinstance(job.payload, dict) else {}
    identity_id = payload.get("identity_id")
    known = identity_id if isinstance(identity_id, int) and identity_id in _PROVIDER_OF else None
    request: dict[str, object] = (
        {"job_id": job_id}
        if actor == "system"
        else {
            "by": rng.choice(_BY),
            "via": rng.choice(_VIA),
            "reason": reason or rng.choice(_REASONS),
            "job_id": job_id,
        }
    )
    response = None if refusal else encode({"job_id": job_id, "status": "queued"})
    return (
        moment,
        actor,
        action,
        _PROVIDER_OF[known] if known else None,
        known,
        "job",
        job_id,
        encode(request),
        response,
        "error" if refusal else "ok",
        refusal,
    )


def _about_schedules(rng: random.Random, now: int) -> Iterator[_Row]:
    for days in (41, 40, 27, 16, 9, 3):
        moment = now - days * DAY + rng.randrange(HOUR)
        member = rng.choice(MEMBERS)
        request = {
            "by": rng.choice(_BY),
            "via": "admin",
            "reason": None,
            "every_minutes": rng.choice((10, 30, 60)),
        }
        yield (
            moment,
            "user",
            "schedule.change",
            member.provider_id,
            member.id,
            "schedule",
            member.id,
            encode(request),
            None,
            "ok",
            None,
        )
    # The panic switch, in the night when one provider was down.
    night = now // DAY * DAY - 8 * DAY
    for moment, action in ((night + 4 * HOUR, "schedules.pause"), (night + 6 * HOUR, "schedules.resume")):
        request = {"by": "marta", "via": "admin", "reason": "Reddit has been down since one o'clock"}
        yield (moment, "user", action, None, None, None, None, encode(request), None, "ok", None)


def _about_the_core(rng: random.Random, now: int) -> Iterator[_Row]:
    """What the core writes for itself."""
    for _ in range(240):
        moment = now - rng.randrange(HOUR, 300 * DAY)
        member = rng.choice(MEMBERS)
        action = rng.choice(("conversation.archive", "conversation.restore", "message.delete", "draft.suggest"))
        actor = "agent" if action == "draft.suggest" else "user"
        yield (
            moment,
            actor,
            action,
            member.provider_id,
            member.id,
            "conversation",
            rng.randint(1, 4300),
            None,
            None,
            "ok",
            None,
        )
    for _ in range(25):
        failed = rng.random() < 0.3
        yield (
            now - rng.randrange(HOUR, 300 * DAY),
            "user",
            "auth.login",
            None,
            None,
            "local_user",
            1,
            None,
            None,
            "error" if failed else "ok",
            "Wrong password" if failed else None,
        )
