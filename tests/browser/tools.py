"""What the browser tests need of the machine: Chromium and curl as the system has them, and axe-core."""

import os
import shutil
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent
AXE: Final = FOLDER / "node_modules" / "axe-core" / "axe.min.js"
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
HOW: Final = "script/setup --browser installs what is missing, or says what it can't"


def chromium() -> str | None:
    """Return the path of the browser, or None where there is none; CHROMIUM names another one."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


def missing() -> list[str]:
    """Return what is missing, by name; empty where the browser tests can run."""
    found = {
        "Chromium": chromium(),
        "curl": shutil.which("curl"),
        "axe-core": AXE.exists(),
    }
    return [name for name, there in found.items() if not there]
