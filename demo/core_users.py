"""The core's users of the demonstration, who log in by `demo.core_login`: made, or given their passwords.

python -m demo.core_users

Environment: DATABASE_URL (libpq), and DEMO_PASSWORDS, a JSON object with the password of each user by name.
"""

import json
import os
from datetime import UTC, datetime

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from demo.core_rows import Connection, connect


def main() -> None:
    """Make them; what is right already is left alone."""
    with connect(os.environ["DATABASE_URL"]) as connection:
        for username, password in json.loads(os.environ["DEMO_PASSWORDS"]).items():
            ensure_user(connection, username, password)


def ensure_user(connection: Connection, username: str, password: str, hasher: PasswordHasher | None = None) -> None:
    """Have a user who logs in with this password.

    Args:
        connection: to the core's database.
        username: the user's name.
        password: the password.
        hasher: hashes it; default as the library recommends.
    """
    hasher = hasher or PasswordHasher()
    found = connection.execute("SELECT password_hash FROM local_users WHERE username = %s", (username,)).fetchone()
    if found is not None:
        try:
            hasher.verify(found[0], password)
        except (Argon2Error, InvalidHashError):
            # Another password, or a hash that nobody can read: replaced below.
            pass
        else:
            return
    connection.execute(
        "INSERT INTO local_users (username, password_hash, created_at) VALUES (%s, %s, %s)"
        " ON CONFLICT (username) DO UPDATE SET password_hash = excluded.password_hash",
        (username, hasher.hash(password), datetime.now(UTC)),
    )


if __name__ == "__main__":
    main()
