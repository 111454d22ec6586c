"""Installs the recorder in every Python process of the tests, because this folder is on their PYTHONPATH.

The recorder is loaded by its path: the project can't be imported this early.
"""

import os
from contextlib import suppress
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

if os.environ.get("TESTS_STATEMENTS"):
    _spec = spec_from_file_location("_statement_recorder", Path(__file__).parents[1] / "recorder.py")
    assert _spec is not None
    assert _spec.loader is not None
    _recorder = module_from_spec(_spec)
    # A Python without psycopg sends no statements.
    with suppress(ImportError):
        _spec.loader.exec_module(_recorder)
        _recorder.install()
