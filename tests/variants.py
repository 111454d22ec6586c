"""Decides which tests run on which variant of the core's tables.

`script/test` checks that every statement of the console against those tables runs on both variants.
"""

from collections.abc import Mapping
from typing import Final

import pytest

VARIANTS: Final = ("plain", "native")

# Fixtures that give a test a database.
_DATABASE: Final = frozenset({"db", "transactional_db", "django_db_setup", "core_database", "postgres", "variant"})

FIRST, SAMPLE, BOTH = "first", "sample", "both"
_UNWRITTEN_END: Final = "tests/backups/test_between.py::test_a_backup_whose_end_could_not_be_written"
_FLIPPED: Final = "tests/backups/test_database.py::test_bytes_flipped_anywhere_with_the_checksum_fixed_never_pass"
_BY_COMMANDS: Final = "tests/backups/test_tables_of_our_own.py::test_a_database_as_the_core_has_it_today"
_EVERY_PAGE: Final = "tests/admin/test_query_counts.py::test_a_page_takes_few_queries_and_no_more_for_more_rows"

PLACES: Final[Mapping[str, str]] = {
    # Pages, metrics, notices and logs of data that tests/api and tests/operations read and change on both variants.
    **dict.fromkeys(
        (
            "tests/admin/",
            "tests/browser/",
            "tests/logs/",
            "tests/metrics/",
            "tests/notices/",
            "tests/privacy/",
            "tests/verdict/",
            "tests/web/",
        ),
        FIRST,
    ),
    # The demo, the development server and chaos use their own SQL. Fuzzing makes up its filters.
    **dict.fromkeys(("tests/chaos/", "tests/demo/", "tests/devserver/", "tests/fuzzing/"), FIRST),
    # Beat's tables and the console's own, permissions, and the parsing of requests.
    **dict.fromkeys(
        (
            "tests/schedules/",
            "tests/api/test_access.py",
            "tests/api/test_addresses.py",
            "tests/api/test_bad_filters.py",
            "tests/api/test_bodies.py",
            "tests/api/test_browsable.py",
            "tests/api/test_core_session.py",
            "tests/api/test_core_types.py",
            "tests/api/test_failures.py",
            "tests/api/test_idempotency.py",
            "tests/api/test_idempotency_at_once.py",
            "tests/api/test_idempotency_failures.py",
            "tests/api/test_preflight.py",
            "tests/api/test_privacy.py",
        ),
        FIRST,
    ),
    # Addresses, sessions and broker errors: tests/operations send the same statements to the core's tables.
    **dict.fromkeys(
        (
            "tests/addresses/",
            "tests/api/test_health_unreachable.py",
            "tests/operations/test_broker_errors.py",
            "tests/schema/test_session.py",
        ),
        FIRST,
    ),
    # Backup files, and databases other than the core's.
    **dict.fromkeys(
        (
            "tests/backups/test_attachments_compared.py",
            "tests/backups/test_attachments_snapshot.py",
            "tests/backups/test_attachments_trouble.py",
            "tests/backups/test_between.py",
            "tests/backups/test_commands.py",
            "tests/backups/test_real_databases.py",
            "tests/backups/test_retention.py",
            "tests/backups/test_shipped.py",
            "tests/backups/test_zoo.py",
        ),
        FIRST,
    ),
    # Processes that are killed, or many at once. Single-process tests and the state machine send the same statements on
    # both variants.
    **dict.fromkeys(
        (
            "tests/backups/test_worker.py",
            "tests/matching/test_in_a_worker.py",
            "tests/worker/test_crash_table.py",
            "tests/worker/test_many_at_once.py",
            "tests/worker/test_many_processes.py",
            "tests/worker/test_two_consoles.py",
        ),
        FIRST,
    ),
    # Long tables about what the console makes of values that it has read. Rows of one table send the same statements.
    **dict.fromkeys(
        (
            "tests/api/test_foreign_jobs.py",
            "tests/api/test_job_retry.py",
            "tests/api/test_polling.py",
            "tests/backups/test_recorded.py",
            "tests/sync_history/test_outcomes.py",
            "tests/sync_history/test_results.py",
            "tests/worker/test_bad_results.py",
            "tests/worker/test_odd_results.py",
            "tests/worker/test_settling.py",
            "tests/worker/test_worker_retries.py",
        ),
        SAMPLE,
    ),
    # Long tests about archives and processes: others send their statements on both variants.
    **dict.fromkeys(
        (
            f"{_FLIPPED}_unless_nothing_that_is_restored_has_changed",
            f"{_BY_COMMANDS}_is_migrated_backed_up_and_tested_by_the_commands",
            "tests/worker/test_silent_workers.py::test_two_workers_of_one_name_are_two",
        ),
        FIRST,
    ),
    # Exceptions: the only tests in these places that send certain statements.
    **dict.fromkeys(
        (
            "tests/admin/test_audit_log.py",
            "tests/admin/test_backups_list.py",
            "tests/admin/test_backups_pages.py::test_the_list_tells_verdict_and_checks_and_filters_by_kind",
            "tests/admin/test_backups_pages.py::test_while_it_is_under_way_list_and_page_keep_themselves_up_to_date",
            "tests/admin/test_backups_starting.py",
            "tests/admin/test_conversations.py",
            "tests/admin/test_jobs_list.py",
            "tests/admin/test_made.py",
            "tests/admin/test_matching.py::test_the_list_leads_there_where_it_makes_sense",
            "tests/admin/test_other_models.py::test_backups_and_restore_tests_are_shown",
            f"{_EVERY_PAGE}[/admin/jobs/job/?q=time&identity_id=1&stuck=true]",
            "tests/admin/test_setting_failed.py::test_the_tab_keeps_the_other_filters",
            "tests/admin/test_verdict.py",
            "tests/api/test_core_session.py::test_without_that_group_it_may_do_nothing",
            "tests/demo/test_core_login.py",
            "tests/demo/test_sample_data.py",
            "tests/devserver/test_clean_slate.py",
            "tests/devserver/test_core_tables.py",
            "tests/devserver/test_server.py::test_from_an_empty_folder_to_ready_and_back_and_again",
            "tests/backups/test_between.py::test_an_end_that_was_written_but_not_answered_counts",
            f"{_UNWRITTEN_END}_is_whole_and_can_be_tested_once_the_database_is_back",
            # Other databases have tables with the names of the core's.
            "tests/backups/test_real_databases.py::test_it_is_backed_up_and_passes_its_restore_test",
            "tests/backups/test_zoo.py",
            "tests/backups/test_retention.py::test_what_the_core_has_told_of_is_neither_counted_nor_deleted",
            "tests/logs/test_requests.py::test_a_request_is_one_line_with_who_what_and_how_long",
            "tests/metrics/test_alerts.py::test_they_ask_for_numbers_that_there_are",
        ),
        BOTH,
    ),
}
"""Where the tests of a folder or file, or one test, run. The longest match wins; no match means both variants.

With SAMPLE, only the first row of each table of tests runs on the second variant.
"""


def _holds(place: str, test: str) -> bool:
    return test == place or test.startswith(place if place.endswith("/") else (f"{place}::", f"{place}["))


def runs_on(item: pytest.Item, variant: str) -> bool:
    """Say whether a test runs on a variant. On the first variant every test does.

    Args:
        item: the test.
        variant: one of VARIANTS.
    """
    if variant == VARIANTS[0]:
        return True
    fixtures = set(getattr(item, "fixturenames", ()))
    if item.get_closest_marker("django_db") is None and _DATABASE.isdisjoint(fixtures):
        return False
    places = [place for place in PLACES if _holds(place, item.nodeid)]
    where = PLACES[max(places, key=len)] if places else BOTH
    if where == SAMPLE and isinstance(item, pytest.Function) and hasattr(item, "callspec"):
        return not any(item.callspec.indices.values())
    return where != FIRST
