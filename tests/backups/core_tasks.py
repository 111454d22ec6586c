"""A core's worker with backup tasks of its own, which return what they are told to: the demonstration's has none."""

import json
import os
from pathlib import Path
from typing import Any

from demo.core_worker import app


def _told(name: str) -> Any:
    said = json.loads(Path(os.environ["CORE_BACKUPS_SAY"]).read_text("utf-8"))[name]
    if said == "raise":
        raise RuntimeError("mysqldump: Got error 2013: Lost connection, password=hunter2secret")
    return said


@app.task(name="maintenance.mysql_dump_local")
def dump() -> Any:
    return _told("dump")


@app.task(name="maintenance.attachments_snapshot_local")
def snapshot() -> Any:
    return _told("snapshot")


@app.task(name="maintenance.restore_test_local")
def restore_test() -> Any:
    return _told("restore_test")
