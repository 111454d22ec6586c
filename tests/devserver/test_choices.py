from pathlib import Path

import pytest

from devserver.choices import Choices
from devserver.errors import StartError


def test_without_a_word_everything_is_our_own() -> None:
    choices = Choices.read({"DATABASE_URL": "", "PORT": ""})
    assert choices == Choices(
        data_dir=Path(".data"),
        port=8000,
        variant="plain",
        database_url=None,
        redis_urls=None,
        demo=None,
        admin_password=None,
        core_schema="public",
    )


def test_what_a_broker_leaves_unsaid_is_on_the_same_server() -> None:
    choices = Choices.read(
        {"CELERY_BROKER_URL": "redis://:secret@redis.example:6379/5", "OPS_CACHE_URL": "redis://c/7"}
    )
    assert choices.redis_urls == {
        "CELERY_BROKER_URL": "redis://:secret@redis.example:6379/5",
        "CORE_RESULT_BACKEND": "redis://:secret@redis.example:6379/1",
        "OPS_CACHE_URL": "redis://c/7",
    }


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"PORT": "0"}, "PORT is '0'; it must be a number from 1 to 65535."),
        ({"PORT": "65536"}, "PORT"),
        ({"PORT": "eighty"}, "PORT"),
        ({"PORT": "-1"}, "PORT"),
        ({"PORT": "²"}, "PORT"),
        ({"OPS_SCHEMA_VARIANT": "mysql"}, "must be one of plain, native"),
        ({"OPS_DEMO": "perhaps"}, "OPS_DEMO is 'perhaps'; it must be 1 or 0."),
        ({"DATABASE_URL": "mysql://x/y"}, "postgres://"),
        ({"CORE_RESULT_BACKEND": "redis://x/1"}, "CELERY_BROKER_URL isn't"),
        ({"CELERY_BROKER_URL": "redis+socket:///run/redis.sock"}, "CORE_RESULT_BACKEND must be set too"),
        ({"CELERY_BROKER_URL": "amqp://x"}, "CELERY_BROKER_URL is invalid: it must begin with redis://"),
        ({"CELERY_BROKER_URL": "redis://x", "OPS_CACHE_URL": "redis://:a@b@x"}, "OPS_CACHE_URL is invalid: the user"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(StartError, match=sentence):
        Choices.read(environment)


@pytest.mark.parametrize(("text", "demo"), [("1", True), ("True", True), ("off", False), ("0", False)])
def test_the_demo_can_be_forced(text: str, demo: bool) -> None:
    assert Choices.read({"OPS_DEMO": text}).demo is demo
