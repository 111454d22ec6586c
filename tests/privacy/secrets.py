"""What must not come out again: secrets of every known kind, each recognizable by where it was planted."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# How a secret may stand in a text: `{}` is an opaque token, or a message's words.
TOKEN_FORMS = (
    "{}",
    "Bearer {}",
    "Authorization: Digest {}",
    "token={}",
    "api_key: {}",
    "https://user:{}@host/path",
    '{{"access_token": "{}", "id": 1}}',
    "{{'password': '{}'}}",
    '{{\\"client_secret\\": \\"{}\\"}}',
    '{{"tokens": ["first", "{}"]}}',
    '{{"credentials": {{"user": "u", "value": "{}"}}}}',
    '{{"error": "no", "raw": "{{\\"sessionId\\": 1, \\"secretKey\\": \\"{}\\"}}"}}',
    "401\nSet-Cookie: sid=1; key={}\nTraceback",
    "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
    "ghp_{}",
    "eyJ{}.eyJ.sig",
)
TEXT_FORMS = (
    '{{"body_text": "{}"}}',
    "{{'text': '{}'}}",
    '{{"messageText": "{}", "id": 3}}',
    '{{"kind": "draft", "draft": {{"subject": "{}"}}}}',
    'it was {{\\"body\\": \\"{}\\"}}',
    '{{"body_text": "{} and then it was cut',
    "DETAIL:  Failing row contains (1, {}, null).",
    "[SQL: INSERT INTO messages (body_text) VALUES (%s)]\n[parameters: ('{}',)]",
)
_CORE = re.compile(r"(?:Zq|told )\d+")
# For columns that have no room for more; `{}` is ten characters.
SHORT_FORMS = ("pwd={}", "token={}")
SECRET_KEYS = ("access_token", "apiKey", "Password", "client-secret", "cookie", "pin", "jwt", "otp", "signature")
TEXT_KEYS = ("body_text", "text", "html", "caption", "messageText", "selftext", "subject", "reply", "message")


@dataclass(frozen=True)
class Secret:
    """Something private that was put somewhere."""

    where: str
    core: str
    """The part that is looked for; no other secret has it."""


class Vault:
    """Makes secrets, and finds them again."""

    def __init__(self, choose: Callable[[Any], Any]) -> None:
        """Begin with none.

        Args:
            choose: picks one of several forms or keys.
        """
        self._choose = choose
        self.secrets: list[Secret] = []

    def text(self, where: str, *, length: int | None = None) -> str:
        """Return a text with something private in it, no longer than `length` characters."""
        number = self._number(where)
        token = f"Zq{number}Kp2Vx9Lm4Nt8Rw3Yb6Hd1Gf5Jc"
        words = f"never told {number} anybody"
        if length is not None and length < 20:
            return str(self._choose(SHORT_FORMS)).format(f"Zq{number}Kp2Vx")[:length]
        forms = [
            *(form.format(token) for form in TOKEN_FORMS),
            *(form.format(words) for form in TEXT_FORMS),
        ]
        fitting = [text for text in forms if length is None or len(text) <= length]
        return str(self._choose(fitting or [token]))

    def document(self, where: str) -> dict[str, Any]:
        """Return a JSON object with private things at several depths, in strings too."""
        token = f"Zq{self._number(f'{where} (secret key)')}Kp2Vx9Lm4"
        words = f"never told {self._number(f'{where} (text key)')} anybody"
        secret_key, text_key = self._choose(SECRET_KEYS), self._choose(TEXT_KEYS)
        return {
            "identity_id": 1,
            "status": "success",
            secret_key: token,
            "deep": [{"er": {text_key: words, "more": [self.text(f"{where} (deep)")]}}],
            "raw": json.dumps({"a": {secret_key: token, text_key: [words]}}),
            "errors": [self.text(f"{where} (an error)"), {text_key: {"is": words}}],
            self.text(f"{where} (a key)"): 1,
        }

    def found_in(self, text: str) -> list[str]:
        """Return where the secrets were planted that stand in a text."""
        # In one pass: a page is long, and there are hundreds of them.
        seen = set(_CORE.findall(text))
        return [secret.where for secret in self.secrets if secret.core in seen]

    def _number(self, where: str) -> str:
        number = f"{len(self.secrets) + 100:04d}"
        # Either form begins with one of these.
        self.secrets += [Secret(where, f"Zq{number}"), Secret(where, f"told {number}")]
        return number
