"""Failures as the sweeper finds them."""

from tests.api.conftest import api, operator, viewer, viewing_api

__all__ = ["api", "operator", "viewer", "viewing_api"]
