"""The console's own Celery application: what its worker and its beat run.

It never publishes the jobs of the ledger (`jobs.gateway` does, through an application of its own without a
result back end) and never reads the core's results.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, task_postrun, task_prerun

from opsconsole.log_context import begin_task, end_task

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsconsole.settings")

app = Celery("opsconsole")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _keep_logging(**kwargs: Any) -> None:
    """Leave the log as Django has set it up, and have what tasks print go there too."""
    # By its name: that is how the worker's children read it.
    app.log.redirect_stdouts("WARNING")  # type: ignore[arg-type]


@task_prerun.connect
def _begin_task(task: Any, task_id: str, **kwargs: Any) -> None:
    begin_task(task, task_id)


@task_postrun.connect
def _end_task(task: Any, **kwargs: Any) -> None:
    end_task(task)
