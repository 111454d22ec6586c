"""What Celery keeps of the console's own tasks, while the database is away or its connection is broken."""

from uuid import uuid4

import pytest
from django.db import connection
from django_celery_results.models import TaskResult
from structlog.testing import capture_logs

from devserver.loopback import free_port
from opsconsole.celery import app

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_result_is_kept_although_the_connection_has_broken_meanwhile() -> None:
    connection.ensure_connection()
    connection.connection.close()

    app.backend.mark_as_revoked(str(uuid4()), "revoked")

    assert TaskResult.objects.get().status == "REVOKED"


def test_a_result_is_left_out_while_the_database_is_away_and_nothing_ends_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection.close()
    with monkeypatch.context() as away, capture_logs() as lines:
        away.setitem(connection.settings_dict, "PORT", str(free_port()))
        app.backend.mark_as_revoked(str(uuid4()), "revoked")
    connection.close()

    assert [line["event"] for line in lines if line["log_level"] == "warning"] == ["result.left_out"]
    assert not TaskResult.objects.exists()
