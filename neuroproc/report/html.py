"""HTML from small functions: what is text is escaped, always; only what these functions made is markup."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

_VOID = frozenset({"meta", "link"})
"""Elements of HTML that are used here and have no content."""

_UNSAYABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""Characters that HTML does not allow, or that no encoding has; they become U+FFFD."""


@dataclass(frozen=True)
class Html:
    """Markup: text that is escaped where it has to be."""

    markup: str


_LONG_NAME, _BEGIN = 64, 44
"""Characters of a name that are shown, and how many of them are those of its begin."""

Content = Html | str | None
"""What an element may hold: markup, text, or nothing."""


def escaped(text: str) -> str:
    """Text as markup, within elements and attributes."""
    return html.escape(_UNSAYABLE.sub("\ufffd", text))


def element(tag: str, *contents: Content, **attributes: str | None) -> Html:
    """An element.

    Parameters
    ----------
    tag : str
    *contents : Html, str or None
    **attributes : str or None
        ``class_`` is class, ``aria_label`` is aria-label, and so on; those that are None are left out.
    """
    words = (
        f' {name.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    opened = f"<{tag}{''.join(words)}>"
    if tag in _VOID:
        return Html(opened)
    return Html(f"{opened}{joined(*contents).markup}</{tag}>")


def joined(*contents: Content) -> Html:
    """One piece of markup after the other."""
    return Html("".join(part.markup if isinstance(part, Html) else escaped(part or "") for part in contents))


def name_of(text: str) -> Html:
    """A foreign name: its direction of writing stays its own, and if it is long it is cut; then the rest is a hint."""
    if len(text) <= _LONG_NAME:
        return element("bdi", text if text.strip() else "(no name)", class_="name")
    return element("bdi", f"{text[:_BEGIN]}...{text[_BEGIN - _LONG_NAME :]}", class_="name", title=text)


def count_of(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun: ``1 neuron``, ``1,128 neurons``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def section(title: str, identity: str, *contents: Content) -> Html:
    """A part of the page under its heading."""
    heading = element("h2", title, id=f"{identity}-title")
    return element("section", heading, *contents, id=identity, aria_labelledby=f"{identity}-title")
