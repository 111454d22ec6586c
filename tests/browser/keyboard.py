"""Going through a page with the keyboard alone."""

from playwright.sync_api import Page

_WORDS_OF_FOCUS = """() => {
  const focused = document.activeElement;
  const label = focused.labels && focused.labels[0];
  return [focused.getAttribute("aria-label"), label && label.innerText, focused.innerText].filter(Boolean).join(" ");
}"""


def tab_to(page: Page, words: str, *, element: str = "", most: int = 120) -> None:
    """Press Tab until what has the focus is called so.

    Args:
        page: where.
        words: a part of what the link, button or field is called.
        element: its HTML name, such as `a`, where others are called so too.
        most: after so many steps nobody would go on.
    """
    passed = []
    for _ in range(most):
        page.keyboard.press("Tab")
        passed.append(" ".join(page.evaluate(_WORDS_OF_FOCUS).split()))
        if words in passed[-1] and element in {"", page.evaluate("document.activeElement.localName")}:
            return
    raise AssertionError(f"Tab does not lead to “{words}”, but to {passed}")
