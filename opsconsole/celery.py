"""The console's own Celery application: what its worker and its beat run.

It never publishes the jobs of the ledger (`jobs.gateway` does, through an application of its own without a
result back end) and never reads the core's results.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsconsole.settings")

app = Celery("opsconsole")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
