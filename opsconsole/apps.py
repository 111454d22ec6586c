"""The kernel's application: the schema of the console's own tables, and the groups."""

from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate


def create_schema(using: str) -> None:
    """Create the PostgreSQL schema of the console's own tables; without it they would land among the core's."""
    with connections[using].cursor() as cursor:
        name = connections[using].ops.quote_name(settings.DATABASE_SCHEMA)
        cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [settings.DATABASE_SCHEMA])
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {name}")


class OpsconsoleConfig(AppConfig):
    """Wires the kernel into Django."""

    name = "opsconsole"
    verbose_name = "Console"
    known_permissions: frozenset[str] = frozenset()

    def ready(self) -> None:
        """Register the hooks around migrations and connections, and the system check of the core's tables."""
        from opsconsole import far_times
        from opsconsole.schema import checks  # noqa: F401 -- registers itself

        far_times.install()
        pre_migrate.connect(self.before_migrations, sender=self, dispatch_uid="opsconsole.before_migrations")
        # The last application to migrate: by then every application's permissions are there.
        last = [config for config in apps.get_app_configs() if config.models_module][-1]
        post_migrate.connect(self.after_migrations, sender=last, dispatch_uid="opsconsole.after_migrations")

    def before_migrations(self, using: str, **kwargs: Any) -> None:
        """Create the console's schema, check the search path, and remember which permissions exist already.

        Args:
            using: the alias of the database.
            kwargs: the signal's other arguments.

        Raises:
            CommandError: tables would be created in another schema than the console's own.
        """
        from opsconsole.permissions import known_permissions
        from opsconsole.schema.session import require_own_schema

        create_schema(using)
        require_own_schema(connections[using])
        tables = connections[using].introspection.table_names()
        self.known_permissions = frozenset(known_permissions() if "auth_permission" in tables else ())

    def after_migrations(self, **kwargs: Any) -> None:
        """Make the groups; permissions exist only once all applications have migrated."""
        from opsconsole.permissions import create_groups

        create_groups(known_before=set(self.known_permissions))
