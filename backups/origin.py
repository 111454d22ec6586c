"""Which backups' files the console has written itself, and which the core has told of: only its own it deletes."""

from typing import Final

from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from backups.models import BackupRun

_OWN: Final = Q(storage_key__contains=F("end_of_name"))


def written_here(runs: QuerySet[BackupRun]) -> QuerySet[BackupRun]:
    """Return those whose row names a file as the console names that row's own: with its id at the end."""
    return _marked(runs).filter(_OWN)


def reported_by_core(runs: QuerySet[BackupRun]) -> QuerySet[BackupRun]:
    """Return those of which the console knows only what the core has told."""
    return _marked(runs).filter(Q(storage_key=None) | ~_OWN)


def _marked(runs: QuerySet[BackupRun]) -> QuerySet[BackupRun]:
    return runs.annotate(end_of_name=Concat(Value("-"), Cast("pk", CharField()), Value(".")))
