"""The console's own Celery application: what its worker and its beat run.

It never publishes the jobs of the ledger (`jobs.gateway` does, through an application of its own without a
result back end) and never reads the core's results.
"""

import os
from typing import Any

from celery import Celery
from celery.app.events import Events
from celery.events.dispatcher import EventDispatcher
from celery.signals import before_task_publish, setup_logging, task_postrun, task_prerun
from django.db import close_old_connections

from opsconsole.log_context import begin_task, end_task, message_headers
from opsconsole.redaction import redact

MAX_REPR_LENGTH = 1_000

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsconsole.settings")


class RedactedDispatcher(EventDispatcher):
    """Sends the events of workers that somebody watches, with nothing private in results, errors and arguments."""

    def send(self, type: str, **fields: Any) -> None:  # type: ignore[override]  # noqa: A002 - Celery's name
        """Send an event."""
        super().send(type, **redact(fields))


class RedactedEvents(Events):
    """Celery's, with that dispatcher."""

    dispatcher_cls = "opsconsole.celery:RedactedDispatcher"


app = Celery("opsconsole", events=RedactedEvents, amqp="opsconsole.bad_messages:CheckedAMQP")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Celery closes its workers' connections to the database before and after each task, unless it is told after how many
# to; those that are broken or too old are closed below.
app.conf.update(CELERY_DB_REUSE_MAX=1_000_000)
app.conf.worker_consumer = "opsconsole.bad_messages:CheckedConsumer"
app.autodiscover_tasks()


@setup_logging.connect
def _keep_logging(**kwargs: Any) -> None:
    """Leave the log as Django has set it up, and have what tasks print go there too."""
    # By its name: that is how the worker's children read it.
    app.log.redirect_stdouts("WARNING")  # type: ignore[arg-type]


@before_task_publish.connect
def _complete_headers(headers: dict[str, Any], body: Any, **kwargs: Any) -> None:
    """Have a message, beat's for example, say in the course of what it was sent, and nothing private of its arguments.

    The arguments themselves are in its body. What is in the headers is shown, logged and kept.
    """
    args, kwargs, _ = body
    for name, value in (("argsrepr", args), ("kwargsrepr", kwargs)):
        headers[name] = repr(redact(value))[:MAX_REPR_LENGTH]
    headers |= message_headers()


@task_prerun.connect
def _begin_task(task: Any, task_id: str, **kwargs: Any) -> None:
    close_old_connections()
    begin_task(task, task_id)


@task_postrun.connect
def _end_task(task: Any, **kwargs: Any) -> None:
    end_task(task)
