"""What pages read: kept numbers where there are any, a count by index where there are none yet."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from identities import counting, queries
from identities.models import Conversation, ConversationCount, CountingState, Identity, IdentityCounts
from tests.cast import make_conversation, make_identity, make_message
from tests.conftest import StartChild
from tests.counting.world import count_new
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_conversations_without_a_count_are_counted() -> None:
    identity = make_identity()
    old, new, empty = (make_conversation(identity) for _ in range(3))
    make_message(old)
    count_new()
    for _ in range(2):
        make_message(new)
    make_message(new, deleted_at=timezone.now())

    assert queries.message_counts([old.pk, new.pk, empty.pk]) == {old.pk: 1, new.pk: 2, empty.pk: 0}


def test_a_count_that_is_there_is_read() -> None:
    conversation = make_conversation(make_identity())
    make_message(conversation)
    count_new()
    ConversationCount.objects.update(messages=7)

    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert queries.message_counts([conversation.pk]) == {conversation.pk: 7}
    assert len(captured) == 1


def test_until_the_first_count_is_done_its_numbers_are_not_shown() -> None:
    conversation = make_conversation(make_identity())
    for _ in range(2):
        make_message(conversation)
    ConversationCount.objects.create(conversation=conversation, messages=1)
    CountingState.objects.create(pk=1, counted_id=1, horizon_id=2)

    assert queries.message_counts([conversation.pk]) == {conversation.pk: 2}
    assert counting.state() == counting.CountsState(percent=50)


def test_conversations_of_identities_are_read_where_they_are_kept_and_counted_where_not() -> None:
    kept, new, empty = (make_identity() for _ in range(3))
    make_conversation(kept)
    IdentityCounts.objects.create(identity=kept, conversations=5, as_of=timezone.now())
    make_conversation(new)
    make_conversation(new, deleted_at=timezone.now())

    wanted = [kept.pk, new.pk, empty.pk]
    assert queries.conversation_counts(wanted) == {kept.pk: 5, new.pk: 1, empty.pk: 0}


def test_reading_takes_one_query_and_the_state_another() -> None:
    identities = [make_identity() for _ in range(3)]
    for identity in identities:
        make_message(make_conversation(identity))
    count_new()

    with CaptureQueriesContext(connection) as captured:
        rows = Identity.objects.select_related("counts").order_by("pk")
        assert [(row.counts.conversations, row.counts.messages) for row in rows] == [(1, 1)] * 3
        state = counting.state()
    assert len(captured) == 2
    assert {row.counts.as_of for row in rows} == {state.as_of}


@pytest.mark.processes
def test_sweepers_do_it(sweeper: StartChild) -> None:
    identity = make_identity()
    conversation = make_conversation(identity)
    make_message(conversation)
    sweeper()
    sweeper()
    wait_until(lambda: counting.state().first_count_done)
    make_message(conversation, created_at=timezone.now())
    make_message(make_conversation(identity))

    def counted() -> bool:
        return IdentityCounts.objects.filter(
            identity=identity, conversations=2, messages=3, new_messages_24h=1
        ).exists()

    wait_until(counted)
    assert Conversation.objects.count() == 2
