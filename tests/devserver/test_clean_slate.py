"""What each test may count on: the tables that the core has, nobody else's rows, Redis empty, processes on demand."""

from collections.abc import Callable
from contextlib import closing

import pytest
import redis
from django.contrib.auth.models import Group
from django.db import connection

from devserver.redis import Redis
from opsconsole.schema.ddl import TABLES
from tests import database
from tests.processes import Child
from tests.services import BROKER, CACHE, RESULTS


def count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def add_user(name: str) -> int:
    """Add a row to a table of the core's, and return its id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO local_users (username, password_hash, created_at) VALUES (%s, '', now()) RETURNING id", [name]
        )
        return int(cursor.fetchone()[0])


def operators_may_retry() -> bool:
    operators = Group.objects.get(name="Ops operators")
    return operators.permissions.filter(codename="retry_job").exists()


@pytest.mark.django_db
def test_the_cores_tables_are_those_of_the_variant_asked_for(variant: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT data_type FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name = 'jobs' AND column_name = 'status'"
        )
        assert cursor.fetchone()[0] == {"plain": "character varying", "native": "USER-DEFINED"}[variant]
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        # Django's own tables are in another schema.
        assert {name for (name,) in cursor.fetchall()} == set(TABLES)


@pytest.mark.parametrize("turn", [1, 2])
@pytest.mark.django_db
def test_a_test_that_rolls_back_finds_the_tables_empty_and_the_groups_there(turn: int) -> None:
    assert count("local_users") == 0
    assert operators_may_retry()
    add_user("someone")


@pytest.mark.parametrize("turn", [1, 2])
@pytest.mark.django_db(transaction=True)
def test_a_test_that_commits_finds_the_tables_empty_and_the_groups_there(turn: int) -> None:
    assert count("local_users") == 0
    assert operators_may_retry()
    add_user("someone")


@pytest.mark.django_db(transaction=True)
def test_after_a_test_that_commits_counting_begins_anew() -> None:
    add_user("someone")
    Group.objects.all().delete()
    database.restore()
    assert count("local_users") == 0
    assert operators_may_retry()
    assert add_user("someone else") == 1


# Which turns of the next test this process has had: they come in any order, and not all of them need to come here.
had: set[int] = set()


@pytest.mark.parametrize("turn", [1, 2])
def test_redis_is_empty_but_for_what_kombu_counts_on(redis_server: Redis, turn: int) -> None:
    for number in (BROKER, RESULTS, CACHE):
        with closing(redis.Redis.from_url(redis_server.url(number))) as client:
            assert not client.exists("left")
            assert client.exists("_kombu.binding.kept") == bool(had)
            client.set("left", "behind")
            client.sadd("_kombu.binding.kept", "queue")
            if had:
                client.delete("_kombu.binding.kept")
    if had:
        had.clear()
    else:
        had.add(turn)


@pytest.mark.processes
def test_all_processes_start_and_stop_on_demand(
    core_worker: Callable[..., Child],
    console_worker: Callable[..., Child],
    sweeper: Callable[..., Child],
    beat: Callable[..., Child],
) -> None:
    children = [core_worker(), console_worker(), sweeper(), beat()]
    assert all(child.running for child in children)
    for child in children:
        assert child.stop(), child.output
        assert child.process.returncode == 0, child.output


@pytest.mark.processes
def test_a_process_that_does_not_start_is_a_failure_with_its_log(console_worker: Callable[..., Child]) -> None:
    with pytest.raises(AssertionError, match="OPS_SECRET_KEY is missing"):
        console_worker(OPS_SECRET_KEY="")
