"""A management command that is in the middle of a snapshot, with a child process, until somebody stops it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

# A program that runs until it is ended.
_CHILD = [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"]


def write_snapshot(source: Path, part: Any, reporter: Any) -> dict[str, Any]:
    part.write(b"half")
    with subprocess.Popen(_CHILD, stdout=subprocess.PIPE, start_new_session=True) as child:
        reporter.on_stop(child.terminate)
        assert child.stdout is not None
        child.stdout.readline()
        Path(os.environ["CHILD_PID"]).write_text(str(child.pid), "ascii")
        child.wait()
    raise AssertionError("It went on although it was to end.")


if __name__ == "__main__":
    import django
    from django.core.management import execute_from_command_line

    os.environ["DJANGO_SETTINGS_MODULE"] = "opsconsole.settings"
    django.setup()
    with mock.patch("backups.attachments.snapshot.write_snapshot", write_snapshot):
        execute_from_command_line(["manage.py", *sys.argv[1:]])
