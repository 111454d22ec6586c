"""Users, groups and API tokens in the console's look."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from rest_framework.authtoken.admin import TokenAdmin as RestTokenAdmin
from rest_framework.authtoken.models import Token, TokenProxy
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from opsconsole.admin.lists import CheckedListMixin

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin

for _model in (User, Group, TokenProxy):
    admin.site.unregister(_model)


def _name(token: Token) -> str:
    return f"Token of {token.user.get_username()}"


# Titles, messages and Django's own log call a row by its name; that of a token is the token itself.
Token.__str__ = _name  # type: ignore[assignment, method-assign]


@admin.register(User)
class UserAdmin(CheckedListMixin, DjangoUserAdmin[User], ModelAdmin[User]):
    """People who may log in, and what they may do."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "is_active", "is_staff", "is_superuser", "last_login")
    show_facets = admin.ShowFacets.NEVER
    compressed_fields = True


@admin.register(Group)
class GroupAdmin(CheckedListMixin, DjangoGroupAdmin, ModelAdmin[Group]):
    """What people of one kind may do."""


@admin.register(TokenProxy)
class TokenAdmin(CheckedListMixin, RestTokenAdmin, ModelAdmin[TokenProxy]):
    """Tokens that servers call the API with. A token is shown once, when it is made."""

    list_display = ("user", "masked_key", "created")
    list_display_links = ("user",)
    list_filter = ()
    show_facets = admin.ShowFacets.NEVER

    @admin.display(description="Token")
    def masked_key(self, obj: TokenProxy) -> str:
        """Enough of a token to tell it from another one."""
        return f"{obj.key[:4]}…"

    def response_add(self, request: HttpRequest, obj: TokenProxy, post_url_continue: Any = None) -> HttpResponse:
        """Show the new token, this once."""
        text = 'The token of {} is <code class="oc-code">{}</code>. It is not shown again.'
        self.message_user(request, format_html(text, obj.user, obj.key), messages.SUCCESS)
        return self.response_post_save_add(request, obj)
