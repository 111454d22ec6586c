"""Writes the API's description, or says that it is out of date."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from opsconsole.api.description import PATH


class Command(BaseCommand):
    """Describe the API in OpenAPI 3.1, from the viewsets."""

    help = "Writes opsconsole/api/openapi.json, which /ops/schema serves; with --check it only compares."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take --check."""
        parser.add_argument("--check", action="store_true", help="fail if the file is not what would be written")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the description, or compare.

        Raises:
            CommandError: something could not be described, or the file is out of date.
        """
        described = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        validate_schema(described)  # type: ignore[no-untyped-call]
        if GENERATOR_STATS:
            raise CommandError("The description is not whole; the warnings above say what is missing.")
        text = json.dumps(described, indent=1, ensure_ascii=False, default=str) + "\n"
        if not options["check"]:
            PATH.write_text(text, encoding="utf-8")
        elif not PATH.exists() or PATH.read_text(encoding="utf-8") != text:
            raise CommandError("opsconsole/api/openapi.json is out of date; manage.py describe_api writes it anew.")
