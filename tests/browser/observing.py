"""What a page does beside what is seen: errors of scripts, refusals of its policy, requests that leave the origin."""

from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Error, Page, Request, Response


class Observed:
    """What has happened on a page since it was opened."""

    def __init__(self, page: Page, address: str) -> None:
        """Begin to listen.

        Args:
            page: on which.
            address: of the console; whatever is asked for elsewhere has left the origin.
        """
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        self.without_policy: list[str] = []
        self._origin = urlsplit(address).netloc
        self._expected: set[str] = set()
        page.on("console", self._said)
        page.on("pageerror", self._failed)
        page.on("request", self._asked)
        page.on("response", self._answered)

    def expect_answers(self, *statuses: int) -> None:
        """Take answers with these statuses as wanted; the browser complains of each that isn't a success."""
        self._expected |= {f"responded with a status of {status}" for status in statuses}

    def expect_no_answers(self) -> None:
        """Take it as wanted that nobody answers: the server is away."""
        self._expected |= {"net::ERR_", "htmx:sendError"}

    def check(self) -> None:
        """Raise AssertionError unless all is well."""
        complaints = [text for text in self.complaints if not any(wanted in text for wanted in self._expected)]
        assert not complaints, complaints
        assert not self.elsewhere, self.elsewhere
        assert not self.without_policy, self.without_policy

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _failed(self, error: Error) -> None:
        self.complaints.append(f"exception: {error}")

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in {"data", "blob", "about"} and address.netloc != self._origin:
            self.elsewhere.append(request.url)

    def _answered(self, response: Response) -> None:
        is_page = response.request.resource_type == "document"
        if is_page and "default-src 'self'" not in response.headers.get("content-security-policy", ""):
            self.without_policy.append(response.url)
