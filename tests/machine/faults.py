"""What can go wrong, or happen meanwhile, while a message is being published."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from unittest.mock import patch

from jobs import gateway
from jobs.gateway import TaskMessage


class Fault(Enum):
    """What becomes of the next publication."""

    NONE = "it is published"
    UNREACHABLE = "the broker is down"
    IN_DOUBT_SENT = "the connection breaks after the broker has the message"
    IN_DOUBT_LOST = "the connection breaks before the broker has the message"
    DIES_BEFORE = "the process dies before it is sent"
    DIES_AFTER = "the process dies before it is marked"
    TAKEN = "a worker begins with it before it is marked"
    CANCELLED = "an operator cancels the job before it is sent"
    ENDED_BY_HAND = "somebody ends the job by hand before it is sent"


class Died(BaseException):
    """The process was killed here."""


@contextmanager
def publishing(
    fault: Fault, *, sent: Callable[[TaskMessage], None], meanwhile: Callable[[Fault, TaskMessage], None]
) -> Iterator[None]:
    """Have the first publication in this block go wrong; those after it go well.

    Args:
        fault: how.
        sent: told of each message that the broker has got.
        meanwhile: called for what somebody else does in the middle of it.
    """
    really_publish = gateway.publish
    faults = [fault]

    def publish(message: TaskMessage) -> None:
        now = faults.pop() if faults else Fault.NONE
        if now is Fault.UNREACHABLE:
            raise gateway.BrokerUnreachable("The broker can't be reached.")
        if now is Fault.IN_DOUBT_LOST:
            raise gateway.PublicationInDoubt("The connection broke.")
        if now is Fault.DIES_BEFORE:
            raise Died
        if now in {Fault.CANCELLED, Fault.ENDED_BY_HAND}:
            meanwhile(now, message)
        really_publish(message)
        sent(message)
        if now is Fault.TAKEN:
            meanwhile(now, message)
        if now is Fault.IN_DOUBT_SENT:
            raise gateway.PublicationInDoubt("The connection broke.")
        if now is Fault.DIES_AFTER:
            raise Died

    with patch.object(gateway, "publish", publish):
        yield
