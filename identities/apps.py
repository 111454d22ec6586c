"""The identities application."""

from django.apps import AppConfig


class IdentitiesConfig(AppConfig):
    """Identities, conversations and messages; tells the jobs application whom a job concerns."""

    name = "identities"

    def ready(self) -> None:
        """Say what a payload's ids mean, what beat may start and what of it is shipped, and what the sweeper does."""
        from identities import tasks  # noqa: F401 -- registers the entry tasks
        from identities.shipped import ship_syncs
        from identities.subjects import IdentitySubjects
        from jobs import subjects
        from jobs.schedules import shipped

        subjects.register(IdentitySubjects())
        shipped.register(ship_syncs)
        self._keep_counts()
        self._keep_history()

    @staticmethod
    def _keep_counts() -> None:
        from identities.counting.advance import advance
        from identities.counting.recount import recount
        from identities.counting.totals import refresh
        from jobs import background
        from jobs.background import BackgroundStep

        background.register(BackgroundStep(name="counting.advance", run=advance, every_seconds=2.0))
        background.register(BackgroundStep(name="counting.recount", run=recount, every_seconds=2.0))
        background.register(BackgroundStep(name="counting.totals", run=refresh, every_seconds=1.0))

    @staticmethod
    def _keep_history() -> None:
        from identities import sync_history, sync_ledger, sync_results
        from jobs import background, ended
        from jobs.background import BackgroundStep

        ended.register(sync_history.note_ended)
        for name, run, every_seconds in (
            ("syncs_in_results", sync_results.SyncResults().look, sync_results.LOOK_EVERY_SECONDS),
            ("syncs_of_others", sync_ledger.SyncsOfOthers().look, sync_ledger.LOOK_EVERY_SECONDS),
            ("prune_sync_history", sync_history.prune, sync_history.PRUNE_EVERY_SECONDS),
        ):
            background.register(BackgroundStep(name=name, run=run, every_seconds=every_seconds))
