"""Small drawings in SVG, written by hand: their places are shares of the width, so that text keeps its size."""

from __future__ import annotations

from neuroproc.report.html import Content, Html, element


def share(part: float, whole: float) -> str:
    """A length or a place as a share of the width, in percent."""
    percent = min(max(100 * part / whole, 0), 100) if whole else 0
    return f"{percent:.3f}".rstrip("0").rstrip(".") + "%"


def drawing(title: str, height: int, *contents: Content, class_: str) -> Html:
    """A drawing as wide as its place, with what it shows in words for who does not see it.

    Parameters
    ----------
    title : str
    height : int, px
    *contents : Html
    class_ : str
    """
    return element(
        "svg",
        element("title", title),
        *contents,
        class_=class_,
        role="img",
        width="100%",
        height=str(height),
    )


def bar(part: float, whole: float, class_: str, begin: float = 0) -> Html:
    """A bar beside the number that it shows; who does not see it has the number.

    Parameters
    ----------
    part, whole : float
        Its length, and that of the longest one.
    class_ : str
    begin : float
        Where it begins.
    """
    shape = element("rect", x=share(begin, whole), width=share(part, whole), y="0", height="100%", class_=class_)
    return element("svg", shape, class_="bar", aria_hidden="true", focusable="false")
