"""Tasks that talk; the worker that a test starts loads them with OPS_TASK_MODULES."""

import logging

import structlog
from celery import shared_task
from celery.utils.log import get_task_logger

SECRET = "Zq7Kp2Vx9Lm4Nt8Rw3Yb6Hd1Gf5Jc0Sa"
TEXT = "never told anybody"

logger = structlog.get_logger(__name__)


@shared_task(name="tests.talk")
def talk(word: str = "", **others: object) -> dict[str, str]:
    logger.info("talked", word=word, **others)
    structlog.contextvars.bind_contextvars(left_behind=word)
    get_task_logger("third.party").warning("Talked %s", word)
    print(f"printed {word} token={SECRET}")  # noqa: T201 - what a task prints goes to the log
    return {"word": word, "access_token": SECRET, "body_text": TEXT}


@shared_task(name="tests.break")
def break_down(password: str = "") -> None:
    secret_local = SECRET
    logging.getLogger("third.party").info("breaking")
    raise ValueError(f"401 for Authorization: Bearer {secret_local} {{'text': '{TEXT}'}} password={password}")
