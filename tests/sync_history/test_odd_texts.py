"""Texts in results that PostgreSQL can't keep: they cost no other result its place in the history."""

import pytest

from identities.sync_results import SyncResults
from tests.cast import make_identity
from tests.sync_history.rows import history, last, minutes, task_result

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("text", ["\\ud800", "\\u0000", "\\ud83d and \\u0000"])
@pytest.mark.parametrize(
    "result",
    [
        '{"status": "error", "error": "%s"}',
        '{"status": "success", "messages_synced": 2, "errors": ["%s"]}',
        '{"status": "%s", "errors": []}',
        '{"exc_type": "ValueError", "exc_message": ["%s"]}',
    ],
)
def test_what_cannot_be_kept_as_text_holds_up_no_other_result(text: str, result: str) -> None:
    alice, bob = make_identity(), make_identity()
    status = "FAILURE" if "exc_type" in result else "SUCCESS"
    task_result("odd", at=minutes(1), task_kwargs=f'{{"identity_id": {alice.pk}}}', result=result % text, status=status)
    task_result("plain", at=minutes(2), task_kwargs=f'{{"identity_id": {bob.pk}}}')
    SyncResults().look()
    assert history(bob) == [("result:plain", "done")]
    assert last(bob).success_at == minutes(2)
    assert [source for source, _ in history(alice)] == ["result:odd"]


@pytest.mark.parametrize("name", ["task_kwargs", "task_args"])
def test_arguments_that_cannot_be_read_as_text_hold_up_no_other_result(name: str) -> None:
    bob = make_identity()
    task_result("odd", at=minutes(1), **{name: '{"identity_id": "\\ud800", "provider_id": "\\u0000"}'})
    task_result("plain", at=minutes(2), task_kwargs=f'{{"identity_id": {bob.pk}}}')
    SyncResults().look()
    assert history(bob) == [("result:plain", "done")]
