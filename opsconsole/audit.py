"""Who did what: the core's append-only audit log, and the one function that writes to it.

The table belongs to the core. `AuditReference` is the console's own index of the rows that it wrote, since the
core's table has none on the entity.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Literal

from django.db import models, transaction
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.utils import timezone

from opsconsole import cut_json, log_context
from opsconsole.errors import OpsError
from opsconsole.fields import AnyJSONField, EnumCharField, ShownCharField, UTCDateTimeField
from opsconsole.formatting import exact
from opsconsole.redaction import CUT_MARGIN, redact, redact_name, redact_text
from opsconsole.schema.core_table import ONLY_SHOWN, CoreTable, Lack, Values, Writes

MAX_REASON_LENGTH = 1_000
# How many characters of an error are shown.
MAX_ERROR_LENGTH: Final = 5_000
# The keys that are shown of a request or an answer that is too long.
KEPT: Final = ("by", "via", "reason", "job_id")
KEPT_BYTES: Final = 8 * 1024

Via = Literal["admin", "api", "command", "beat", "task", "sweeper"]


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who asks for an operation, and through which door."""

    name: str
    via: Via
    kind: Literal["user", "system"] = "user"

    @classmethod
    def system(cls, via: Via) -> "Actor":
        """Return the console itself as the actor: its beat or its sweeper."""
        return cls(name="opsconsole", via=via, kind="system")

    def acting(self) -> AbstractContextManager[None]:
        """Have every line that is logged meanwhile say who acts, and through which door."""
        return log_context.acting(name=self.name, via=self.via)


@dataclass(frozen=True, kw_only=True)
class Entity:
    """What an audited operation was about."""

    type: str
    id: int | None = None
    provider_id: str | None = None
    identity_id: int | None = None


class AuditLog(models.Model):
    """One thing that a user, the system or an agent did. The core's table: never altered, never deleted from."""

    ts = UTCDateTimeField(verbose_name="time")
    actor = EnumCharField(max_length=16)
    action_type = ShownCharField("action", max_length=128)
    provider_id = ShownCharField("provider", max_length=32, null=True)
    identity_id = models.BigIntegerField("identity", null=True)
    entity_type = ShownCharField(max_length=64, null=True)
    entity_id = models.BigIntegerField(null=True)
    request_json = AnyJSONField("request", null=True)
    response_json = AnyJSONField("response", null=True)
    result = EnumCharField(max_length=16)
    error_detail = models.TextField("error", null=True)

    core_table = CoreTable(
        needed_for="the audit log and all operations",
        values={
            "actor": Values(
                known={
                    "user": Lack(
                        consequence="No person can carry out an operation, since it can't be written down.",
                        severity="error",
                    ),
                    "system": Lack(
                        consequence="Schedules can't carry out an operation, since it can't be written down.",
                        severity="error",
                    ),
                    "agent": ONLY_SHOWN,
                }
            ),
            "result": Values(
                known={
                    "ok": Lack(
                        consequence="No operation can be carried out, since it can't be written down.",
                        severity="error",
                    ),
                    "error": Lack(
                        consequence="Whoever is refused is told of an internal error, since it can't be written down.",
                        severity="error",
                    ),
                }
            ),
        },
        writes=Writes(
            inserted=(
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
            ),
            nulled=("provider_id", "identity_id", "entity_id", "response_json", "error_detail"),
            # The longest words that the console has for them.
            lengths={"actor": 6, "action_type": 64, "entity_type": 32, "result": 5, "error_detail": 2_000},
            at_stake="no operation can be carried out, since it can't be written down",
        ),
    )

    class Meta:
        app_label = "opsconsole"
        managed = False
        db_table = "audit_log"
        verbose_name = "audit entry"
        verbose_name_plural = "audit log"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.action_type} at {exact(self.ts)}"


class AuditReference(models.Model):
    """Where the audit rows about one entity stand; the core's table has no index that tells."""

    audit_id = models.BigIntegerField()
    entity_type = models.CharField(max_length=64)
    entity_id = models.CharField(max_length=64)

    class Meta:
        app_label = "opsconsole"
        default_permissions = ()
        indexes = [models.Index(fields=["entity_type", "entity_id", "audit_id"], name="audit_reference_entity")]


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is written down of one thing that was done or refused; the arguments of `record`."""

    actor: Actor
    action: str
    entity: Entity
    about: tuple[tuple[str, int | str], ...] = ()
    reason: str = ""
    request: dict[str, Any] | None = None
    response: dict[str, Any] | None = None
    error: str | None = None

    @property
    def entities(self) -> list[tuple[str, str]]:
        """The entities whose pages show it, each once."""
        found = {(kind, str(key)) for kind, key in self.about}
        if self.entity.id is not None:
            found.add((self.entity.type, str(self.entity.id)))
        return sorted(found)


def record(
    *,
    actor: Actor,
    action: str,
    entity: Entity,
    about: Iterable[tuple[str, int | str]] = (),
    reason: str = "",
    request: dict[str, Any] | None = None,
    response: dict[str, Any] | None = None,
    error: str | None = None,
) -> int:
    """Write one row to the audit log and return its id.

    Args:
        actor: who asked, and through what.
        action: the operation, such as `job.retry`.
        entity: what it was about, as the core's columns have it.
        about: further entities (type, id) whose pages show this row, beside `entity`.
        reason: what the person gave as the reason.
        request: what was asked for; redacted here.
        response: what came of it; redacted here.
        error: why it was refused, or None when it was done.
    """
    (audit_id,) = record_all(
        [
            Record(
                actor=actor,
                action=action,
                entity=entity,
                about=tuple(about),
                reason=reason,
                request=request,
                response=response,
                error=error,
            )
        ]
    )
    return audit_id


def record_all(records: Sequence[Record]) -> list[int]:
    """Write rows to the audit log and return their ids, in the same order; two statements, however many."""
    with transaction.atomic():
        rows = AuditLog.objects.bulk_create([_row(one) for one in records])
        AuditReference.objects.bulk_create(
            AuditReference(audit_id=row.pk, entity_type=kind, entity_id=key)
            for row, one in zip(rows, records, strict=True)
            for kind, key in one.entities
        )
    return [row.pk for row in rows]


def _row(one: Record) -> AuditLog:
    return AuditLog(
        ts=timezone.now(),
        actor=one.actor.kind,
        action_type=one.action,
        provider_id=redact_name(one.entity.provider_id)[:32] if one.entity.provider_id else None,
        identity_id=one.entity.identity_id,
        entity_type=one.entity.type,
        entity_id=one.entity.id,
        request_json=redact(
            {
                **(one.request or {}),
                "by": one.actor.name,
                "via": one.actor.via,
                "reason": one.reason[:MAX_REASON_LENGTH] or None,
            }
        ),
        response_json=redact(one.response) if one.response is not None else None,
        result="error" if one.error else "ok",
        error_detail=redact_text(one.error) if one.error else None,
    )


def refusal_record(
    refusal: OpsError,
    *,
    actor: Actor,
    action: str,
    entity: Entity,
    about: Iterable[tuple[str, int | str]] = (),
    reason: str = "",
    request: dict[str, Any] | None = None,
) -> Record:
    """Return what is written down of an operation that was refused, and why."""
    return Record(
        actor=actor,
        action=action,
        entity=entity,
        about=tuple(about),
        reason=reason,
        request=request,
        response={"code": refusal.code},
        error=refusal.message,
    )


def record_refusal(
    refusal: OpsError,
    *,
    actor: Actor,
    action: str,
    entity: Entity,
    reason: str = "",
    request: dict[str, Any] | None = None,
) -> None:
    """Write down that an operation was refused, and why. To be called after its transaction was rolled back."""
    record_all([refusal_record(refusal, actor=actor, action=action, entity=entity, reason=reason, request=request)])


def entries_about(entity_type: str, entity_id: int | str, *, limit: int = 50) -> list[AuditLog]:
    """Return the newest audit rows that the console wrote about one entity, newest first; two queries at most."""
    ids = list(
        AuditReference.objects.filter(entity_type=entity_type, entity_id=str(entity_id))
        .order_by("-audit_id")
        .values_list("audit_id", flat=True)[:limit]
    )
    return read(AuditLog.objects.filter(pk__in=ids).order_by("-pk")) if ids else []


def read(rows: QuerySet[AuditLog], *, limit: int = cut_json.IN_LISTS) -> list[AuditLog]:
    """Read rows with their requests and answers, cut to the length that can be shown; one query.

    Args:
        rows: the rows, in order.
        limit: the maximum bytes of a request or an answer. Longer ones are cut to their KEPT keys.

    Returns:
        The rows, with the size of each cut request or answer as `request_size` or `response_size`, otherwise None.
    """
    cut: dict[str, Any] = {
        f"{name}_text": cut_json.expression(f"audit_log.{name}_json", keys=KEPT, limit=limit, value_bytes=KEPT_BYTES)
        for name in ("request", "response")
    }
    found = rows.defer("request_json", "response_json", "error_detail")
    shown: list[AuditLog] = list(found.annotate(**cut, error_start=Left("error_detail", MAX_ERROR_LENGTH + CUT_MARGIN)))
    for row in shown:
        values = vars(row)
        row.error_detail = values.pop("error_start")
        for name in ("request", "response"):
            document = cut_json.parse(values.pop(f"{name}_text"))
            values[f"{name}_json"], values[f"{name}_size"] = document.value, document.size
    return shown
