"""What Django has to do before the processes start, in one process: migrate, the user `admin`, static files.

python -m devserver.prepare
"""

import hashlib
import os
import sys
from pathlib import Path

import django


def main() -> None:
    """Do it all; what has nothing to do is quick."""
    django.setup()
    migrate()
    ensure_admin(os.environ["OPS_ADMIN_PASSWORD"], set_password=os.environ["OPS_ADMIN_RESET"] == "1")
    collect_static()


def migrate() -> None:
    """Run pending migrations and the hooks after them. If one is refused, exit with the reason."""
    from django.core.management import CommandError, call_command

    try:
        call_command("migrate", interactive=False, verbosity=0)
    except CommandError as error:
        sys.exit(str(error))


def ensure_admin(password: str, *, set_password: bool) -> None:
    """Create the superuser `admin` unless there is one.

    Args:
        password: For the new user.
        set_password: Whether an existing user gets it too.
    """
    from django.contrib.auth.models import User

    user, created = User.objects.get_or_create(username="admin", defaults={"is_staff": True, "is_superuser": True})
    if created or (set_password and not user.check_password(password)):
        user.set_password(password)
        user.save(update_fields=["password"])


def collect_static() -> None:
    """Collect the static files, unless none has changed since the last time."""
    from django.conf import settings
    from django.contrib.staticfiles.finders import get_finders
    from django.core.management import call_command

    root = Path(settings.STATIC_ROOT)
    stamp = root.with_name(f"{root.name}.stamp")
    state = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            file = Path(storage.path(path)).stat()
            state.update(f"{path}\0{file.st_size}\0{file.st_mtime_ns}\n".encode())
    if root.is_dir() and stamp.is_file() and stamp.read_text() == state.hexdigest():
        return
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(state.hexdigest())


if __name__ == "__main__":
    main()
