"""Counting new messages by id: none is lost and none counts twice."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from identities import counting
from identities.counting import advance as advancing
from identities.counting import position
from identities.counting.advance import advance
from identities.models import Conversation, ConversationCount, CountingState, IdentityCounts, Message, MessageArrivals
from tests.cast import make_conversation, make_identity, make_message
from tests.counting.world import add_up, advance_on, count_new, counted, plainly, time_passes
from tests.waiting import wait_until
from tests.worker.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)

INSERT = (
    "INSERT INTO messages (id, provider_id, conversation_id, identity_id, direction, sent_at, remote_visibility,"
    " created_at) VALUES ({id}, 'reddit', %s, %s, 'in', now(), 'visible', now())"
)
NEXT_ID = "nextval(pg_get_serial_sequence('messages', 'id'))"


def insert(session: psycopg.Connection, conversation: Conversation, id_sql: str = NEXT_ID) -> None:
    session.execute(INSERT.format(id=id_sql), [conversation.pk, conversation.identity_id])


def test_new_messages_are_added_to_those_that_are_counted() -> None:
    conversation = make_conversation(make_identity())
    for _ in range(4):
        make_message(conversation)
    count_new()
    make_message(conversation)
    make_message(conversation, deleted_at=timezone.now())
    count_new()

    assert counted() == {conversation.identity_id: (1, 5)} == plainly()


def test_a_message_belongs_to_its_conversations_identity() -> None:
    conversation = make_conversation(make_identity())
    make_message(conversation, identity_id=None)
    make_message(conversation, identity_id=make_identity().pk)
    count_new()

    assert counted()[conversation.identity_id] == (1, 2)
    assert counted() == plainly()


def test_the_first_count_goes_on_over_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advancing, "BUDGET_SECONDS", 0)
    conversation = make_conversation(make_identity())
    for _ in range(10):
        make_message(conversation)
    seen = set()

    def noted() -> bool:
        done = advance_on()
        state = counting.state()
        assert state.first_count_done == done
        seen.add(state.percent)
        return done

    wait_until(noted)
    add_up()

    assert seen >= {None, 0, 30, 60, 90}
    assert counted() == {conversation.identity_id: (1, 10)}
    state = counting.state()
    assert state.first_count_done
    assert state.percent is None
    assert state.as_of is not None


def test_empty_tables_are_counted_too() -> None:
    assert counting.state() == counting.CountsState()
    advance()

    state = counting.state()
    assert state.first_count_done
    assert state.as_of is not None
    assert counted() == {}


def test_an_identity_without_conversations_has_a_row_and_one_that_is_gone_has_none() -> None:
    kept, gone = make_identity(), make_identity()
    count_new()
    assert counted() == {kept.pk: (0, 0), gone.pk: (0, 0)}

    gone.delete()
    add_up()
    assert counted() == {kept.pk: (0, 0)}


def test_a_deleted_conversation_counts_neither_itself_nor_its_messages() -> None:
    identity = make_identity()
    make_message(make_conversation(identity))
    deleted = make_conversation(identity)
    make_message(deleted)
    count_new()

    Conversation.objects.filter(pk=deleted.pk).update(deleted_at=timezone.now())
    add_up()
    assert counted() == {identity.pk: (1, 1)} == plainly()


# --- ids that become visible out of order -------------------------------------------------------------------------


def test_a_transaction_that_commits_late_with_a_lower_id_is_not_lost(other: psycopg.Connection) -> None:
    conversation = make_conversation(make_identity())
    insert(other, conversation)
    make_message(conversation)
    for _ in range(5):
        assert not advance_on()
    assert position.look().counted_id == 0, "the other's id lies below"

    other.commit()
    count_new()
    assert counted() == {conversation.identity_id: (1, 2)} == plainly()


def test_a_transaction_that_writes_a_moment_after_it_took_its_id_is_not_lost(other: psycopg.Connection) -> None:
    conversation = make_conversation(make_identity())
    taken = other.execute(f"SELECT {NEXT_ID}").fetchone()
    assert taken is not None
    make_message(conversation)
    advance()
    assert CountingState.objects.get().horizon_id == taken[0] + 1
    insert(other, conversation, str(taken[0]))
    for _ in range(5):
        time_passes()
        advance()
    assert position.look().counted_id == 0

    other.commit()
    count_new()
    assert counted() == {conversation.identity_id: (1, 2)} == plainly()


def test_a_transaction_that_is_rolled_back_holds_nothing_up(other: psycopg.Connection) -> None:
    conversation = make_conversation(make_identity())
    insert(other, conversation)
    make_message(conversation)
    advance_on()
    other.rollback()

    count_new()
    assert counted() == {conversation.identity_id: (1, 1)}


def test_as_of_is_before_whatever_is_not_counted(other: psycopg.Connection) -> None:
    conversation = make_conversation(make_identity())
    count_new()
    insert(other, conversation)
    make_message(conversation)
    before = timezone.now()
    advance_on()
    add_up()

    as_of = counting.state().as_of
    assert as_of is not None
    assert as_of < before
    assert IdentityCounts.objects.get().as_of == as_of


def test_a_horizon_of_another_server_is_taken_anew() -> None:
    conversation = make_conversation(make_identity())
    make_message(conversation)
    wait_until(lambda: advance() or CountingState.objects.exclude(horizon_at=None).exists())
    CountingState.objects.update(horizon_xid=2**60)

    count_new()
    assert counted() == {conversation.identity_id: (1, 1)}


def test_what_comes_after_the_newest_were_deleted_is_counted() -> None:
    conversation = make_conversation(make_identity())
    for _ in range(5):
        make_message(conversation)
    count_new()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE messages RESTART IDENTITY")
    wait_until(advance_on)
    make_message(conversation)
    count_new()

    assert CountingState.objects.get().recount_tally == -1, "the recount knows that it is needed"
    assert ConversationCount.objects.get().messages == 6


# --- several at once, and dying -----------------------------------------------------------------------------------


def test_several_sweepers_at_once_count_each_message_once() -> None:
    conversations = [make_conversation(make_identity()) for _ in range(3)]
    for conversation in conversations * 10:
        make_message(conversation)
    wait_until(lambda: advance() or CountingState.objects.exclude(horizon_at=None).exists())

    def sweep() -> int:
        return sum(advance() for _ in range(20))

    def sweep_all() -> bool:
        time_passes()
        slices.extend(at_once([sweep] * 4))
        return position.look().counted_id == position.look().newest_id

    slices: list[int] = []
    wait_until(sweep_all)
    add_up()

    assert sum(slices) == 10
    assert counted() == plainly()


def test_dying_between_the_count_and_its_note_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    conversation = make_conversation(make_identity())
    for _ in range(10):
        make_message(conversation)
    slices: list[object] = []

    def die(**changes: object) -> None:
        if "counted_id" in changes:
            slices.append(changes)
            if len(slices) == 3:
                raise ConnectionError
        position.note(**changes)

    with monkeypatch.context() as patch:
        patch.setattr(advancing, "note", die)
        with pytest.raises(ConnectionError):
            wait_until(advance_on)
    assert ConversationCount.objects.get().messages == 6, "two slices of three are kept, the third is undone"

    count_new()
    assert counted() == {conversation.identity_id: (1, 10)}


# --- what has arrived ---------------------------------------------------------------------------------------------


def test_what_has_arrived_within_24_hours_is_told_from_what_is_older() -> None:
    now = timezone.now()
    conversation = make_conversation(make_identity())
    for hours in (0, 1, 23, 24.5, 26, 1000):
        make_message(conversation, created_at=now - timedelta(hours=hours))
    count_new()

    counts = IdentityCounts.objects.get()
    assert (counts.messages, counts.new_messages_24h) == (6, 3)
    assert counts.newest_message_at == now


def test_what_has_arrived_grows_old() -> None:
    conversation = make_conversation(make_identity())
    make_message(conversation, created_at=timezone.now())
    count_new()
    MessageArrivals.objects.update(slot=timezone.now() - timedelta(hours=24, minutes=1))
    add_up()
    assert IdentityCounts.objects.get().new_messages_24h == 0
    assert MessageArrivals.objects.exists()

    MessageArrivals.objects.update(slot=timezone.now() - timedelta(hours=25, minutes=1))
    add_up()
    assert not MessageArrivals.objects.exists()


def test_a_message_from_the_future_has_arrived_by_now() -> None:
    conversation = make_conversation(make_identity())
    make_message(conversation, created_at=datetime.max.replace(tzinfo=UTC))
    count_new()

    counts = IdentityCounts.objects.get()
    assert counts.new_messages_24h == 1
    assert counts.newest_message_at is not None
    assert counts.newest_message_at <= timezone.now()


def test_the_newest_message_stays_known_when_it_is_deleted() -> None:
    conversation = make_conversation(make_identity())
    now = timezone.now()
    make_message(conversation, created_at=now)
    count_new()
    Message.objects.all().delete()
    make_message(conversation, created_at=now - timedelta(days=1))
    count_new()

    assert IdentityCounts.objects.get().newest_message_at == now
