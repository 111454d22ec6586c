"""What a run adds to its own database to see what really happens, and takes away afterwards.

In a schema of its own: what the own tasks did, and every change of a job's status, noted by a trigger so that none is
missed between two looks.
"""

from dataclasses import dataclass
from typing import Any

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]

_CREATE = """
DROP SCHEMA IF EXISTS chaos CASCADE;
CREATE SCHEMA chaos;
CREATE TABLE chaos.effect (
    token uuid PRIMARY KEY,
    job_id bigint NOT NULL,
    dispatch_id bigint NOT NULL,
    name text NOT NULL,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz
);
CREATE TABLE chaos.transition (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id bigint NOT NULL,
    was text NOT NULL,
    became text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE FUNCTION chaos.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos.transition (job_id, was, became) VALUES (
        CASE TG_OP WHEN 'INSERT' THEN NEW.id ELSE OLD.id END,
        CASE TG_OP WHEN 'INSERT' THEN '' ELSE OLD.status::text END,
        CASE TG_OP WHEN 'DELETE' THEN '' ELSE NEW.status::text END
    );
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_added AFTER INSERT OR DELETE ON public.jobs FOR EACH ROW EXECUTE FUNCTION chaos.note();
CREATE TRIGGER chaos_changed AFTER UPDATE ON public.jobs FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION chaos.note();
"""


@dataclass(frozen=True, slots=True)
class Since:
    """The highest ids when a run began: what lies above them is the run's."""

    job: int
    dispatch: int
    audit: int


def connect(url: str) -> Connection:
    """Connect under autocommit, with the console's tables before the core's, in UTC."""
    options = "-c search_path=opsconsole,public -c timezone=UTC"
    connection: Connection = psycopg.connect(
        url, autocommit=True, connect_timeout=5, options=options, application_name="chaos"
    )
    return connection


def install(connection: Connection) -> Since:
    """Make the run's own tables and the trigger, instead of what an earlier run may have left; say what there was."""
    connection.execute(_CREATE)
    row = connection.execute(
        """
        SELECT coalesce((SELECT max(id) FROM jobs), 0), coalesce((SELECT max(id) FROM jobs_dispatch), 0),
               coalesce((SELECT max(id) FROM audit_log), 0)
        """
    ).fetchone()
    assert row is not None
    return Since(*row)


def remove(connection: Connection) -> None:
    """Take away what `install` made."""
    connection.execute("DROP SCHEMA IF EXISTS chaos CASCADE")
