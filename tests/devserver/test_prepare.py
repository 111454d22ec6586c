import pytest
from django.contrib.auth.models import User

from devserver.prepare import ensure_admin

pytestmark = pytest.mark.django_db


def test_the_superuser_is_made_once() -> None:
    ensure_admin("first", set_password=False)
    admin = User.objects.get()
    assert (admin.username, admin.is_staff, admin.is_superuser) == ("admin", True, True)
    assert admin.check_password("first")


def test_a_password_that_somebody_has_changed_stays_unless_another_is_asked_for() -> None:
    ensure_admin("first", set_password=True)
    ensure_admin("second", set_password=False)
    assert User.objects.get().check_password("first")
    ensure_admin("third", set_password=True)
    assert User.objects.get().check_password("third")
