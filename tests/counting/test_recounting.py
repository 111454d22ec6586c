"""Recounting everything: whatever happens to the messages, the numbers become those of a plain count."""

import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from identities import queries
from identities.counting import position
from identities.counting import recount as recounting
from identities.counting.recount import recount
from identities.models import Conversation, ConversationCount, CountingState, Identity, Message
from tests.cast import make_conversation, make_identity, make_message
from tests.counting.world import add_up, count_new, counted, plainly, recount_all, written_is_known
from tests.waiting import wait_until
from tests.worker.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def an_hour_passes() -> None:
    hour_ago = timezone.now() - timedelta(hours=1, minutes=1)
    CountingState.objects.update(recount_began_at=hour_ago)
    CountingState.objects.exclude(recounted_at=None).update(recounted_at=hour_ago)


def whole_recounts() -> bool:
    """Do what is to be done; say whether there was a whole recount."""
    before = CountingState.objects.get().recounted_at
    wait_until(lambda: recount() == 0)
    return CountingState.objects.get().recounted_at != before


# --- whatever happens ---------------------------------------------------------------------------------------------


class Life:
    """Things that happen to conversations and messages, at random."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.identities: list[Identity] = [make_identity() for _ in range(3)]
        self.things: list[Callable[[], object]] = [
            *[self.insert] * 6,
            self.delete_softly,
            self.undelete,
            self.delete,
            self.move_message,
            self.new_conversation,
            self.delete_conversation_softly,
            self.undelete_conversation,
            self.delete_conversation,
            self.move_conversation,
        ]

    def goes_on(self, steps: int) -> None:
        for _ in range(steps):
            self.random.choice(self.things)()

    def message(self) -> int:
        return self.random.choice(list(Message.objects.order_by("pk").values_list("pk", flat=True)) or [0])

    def conversation(self) -> Conversation:
        return self.random.choice(list(Conversation.objects.order_by("pk")) or [self.new_conversation()])

    def insert(self) -> None:
        deleted_at = timezone.now() if self.random.random() < 0.2 else None
        make_message(self.conversation(), deleted_at=deleted_at, created_at=timezone.now())

    def delete_softly(self) -> None:
        Message.objects.filter(pk=self.message()).update(deleted_at=timezone.now())

    def undelete(self) -> None:
        Message.objects.filter(pk=self.message()).update(deleted_at=None)

    def delete(self) -> None:
        Message.objects.filter(pk=self.message()).delete()

    def move_message(self) -> None:
        Message.objects.filter(pk=self.message()).update(conversation=self.conversation())

    def new_conversation(self) -> Conversation:
        return make_conversation(self.random.choice(self.identities))

    def delete_conversation_softly(self) -> None:
        Conversation.objects.filter(pk=self.conversation().pk).update(deleted_at=timezone.now())

    def undelete_conversation(self) -> None:
        Conversation.objects.filter(pk=self.conversation().pk).update(deleted_at=None)

    def delete_conversation(self) -> None:
        conversation = self.conversation()
        Message.objects.filter(conversation=conversation).delete()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM conversations WHERE id = %s", [conversation.pk])

    def move_conversation(self) -> None:
        identity = self.random.choice(self.identities)
        Conversation.objects.filter(pk=self.conversation().pk).update(identity=identity)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_whatever_happened_the_numbers_are_those_of_a_plain_count(seed: int) -> None:
    life = Life(seed)
    for steps in (30, 30, 10, 20):
        life.goes_on(steps)
        count_new()
        life.goes_on(steps // 2)
        recount_all()
        count_new()
        recount_all()

        assert counted() == plainly()
        kept = set(ConversationCount.objects.values_list("conversation_id", flat=True))
        assert kept <= set(Conversation.objects.values_list("pk", flat=True)), "no rows of conversations that are gone"
        every = list(Conversation.objects.values_list("pk", flat=True))
        assert queries.message_counts(every) == {
            pk: Message.objects.filter(conversation_id=pk, deleted_at=None).count() for pk in every
        }


def test_messages_that_are_not_counted_yet_are_left_to_the_count_by_id() -> None:
    conversation = make_conversation(make_identity())
    make_message(conversation)
    count_new()
    make_message(conversation)
    recount_all()
    assert counted() == {conversation.identity_id: (1, 1)}

    count_new()
    assert counted() == {conversation.identity_id: (1, 2)}


def test_several_sweepers_at_once_recount_as_one_does() -> None:
    identity = make_identity()
    for _ in range(9):
        make_message(make_conversation(identity))
    count_new()
    Message.objects.filter(pk__in=list(Message.objects.values_list("pk", flat=True)[:4])).delete()
    CountingState.objects.update(recount_tally=-1, recount_began_at=timezone.now() - timedelta(days=2))

    def sweep() -> int:
        return sum(recount() for _ in range(20))

    slices: list[int] = []

    def sweep_all() -> bool:
        slices.extend(at_once([sweep] * 4))
        return CountingState.objects.get().recounted_at is not None

    wait_until(sweep_all)
    add_up()

    assert sum(slices) == 6, "nine conversations by two, and one more look beyond the last"
    assert counted() == plainly()


def test_dying_in_the_middle_goes_on_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    identity = make_identity()
    for _ in range(6):
        make_message(make_conversation(identity))
    count_new()
    Message.objects.all().delete()
    CountingState.objects.update(recount_tally=-1, recount_began_at=timezone.now() - timedelta(days=2))
    slices: list[object] = []

    def die(**changes: object) -> None:
        if "recount_position" in changes:
            slices.append(changes)
            if len(slices) == 2:
                raise ConnectionError
        position.note(**changes)

    with monkeypatch.context() as patch:
        patch.setattr(recounting, "note", die)
        with pytest.raises(ConnectionError):
            wait_until(recount)
    assert list(ConversationCount.objects.order_by("pk").values_list("messages", flat=True)) == [0, 0, 1, 1, 1, 1]

    wait_until(lambda: recount() == 0)
    add_up()
    assert counted() == {identity.pk: (6, 0)}


# --- when ---------------------------------------------------------------------------------------------------------


def test_while_no_message_is_changed_nothing_is_recounted() -> None:
    conversation = make_conversation(make_identity())
    written_is_known()
    count_new()
    make_message(conversation)
    written_is_known()
    count_new()
    an_hour_passes()

    assert not whole_recounts()


def test_what_was_deleted_is_found_and_then_there_is_peace() -> None:
    conversation = make_conversation(make_identity())
    for _ in range(3):
        make_message(conversation)
    written_is_known()
    count_new()
    Message.objects.filter(pk=Message.objects.earliest("pk").pk).update(deleted_at=timezone.now())
    written_is_known()
    assert not whole_recounts(), "a minute has to pass"

    an_hour_passes()
    assert whole_recounts()
    add_up()
    assert counted() == {conversation.identity_id: (1, 2)}

    an_hour_passes()
    assert not whole_recounts()


def test_what_is_changed_during_a_recount_is_found_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recounting, "BUDGET_SECONDS", 0)
    conversations = [make_conversation(make_identity()) for _ in range(5)]
    for conversation in conversations:
        make_message(conversation)
    written_is_known()
    count_new()
    CountingState.objects.update(recount_tally=-1)
    an_hour_passes()
    assert recount() == 1
    Message.objects.filter(conversation=conversations[0]).delete()
    written_is_known()
    assert whole_recounts()
    add_up()
    assert counted() != plainly()

    an_hour_passes()
    assert whole_recounts()
    add_up()
    assert counted() == plainly()


def test_once_a_day_everything_is_recounted_whatever_the_tally_says() -> None:
    make_message(make_conversation(make_identity()))
    written_is_known()
    count_new()
    CountingState.objects.update(recount_began_at=timezone.now() - timedelta(hours=23))
    assert not whole_recounts()

    CountingState.objects.update(recount_began_at=timezone.now() - timedelta(hours=25))
    assert whole_recounts()


def test_where_nobody_keeps_a_tally_everything_is_recounted_hourly() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET track_counts = off")
        try:
            make_message(make_conversation(make_identity()))
            count_new()
            CountingState.objects.update(recount_began_at=timezone.now() - timedelta(minutes=59))
            assert not whole_recounts()

            an_hour_passes()
            assert whole_recounts()
            assert not whole_recounts()
        finally:
            cursor.execute("RESET track_counts")


def test_before_the_first_count_is_done_nothing_is_recounted() -> None:
    make_message(make_conversation(make_identity()))
    assert recount() == 0


def test_it_rests_for_many_times_as_long_as_it_has_worked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recounting, "REST_PER_SECOND", 1_000_000.0)
    monkeypatch.setattr(recounting, "BUDGET_SECONDS", 0)
    identity = make_identity()
    for _ in range(6):
        make_message(make_conversation(identity))
    count_new()
    CountingState.objects.update(recount_tally=-1)
    an_hour_passes()

    assert recount() == 1
    assert recount() == 0
    assert CountingState.objects.get().recount_position is not None
