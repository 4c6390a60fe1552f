"""What the page looks like: the style sheet, with the colours of all pictures filled in."""

from __future__ import annotations

from importlib.resources import files

from isa_spec.image import ProcessorImage
from neuroproc.pictures.colours import CONTROL, PALETTE, layer_places, lighter
from neuroproc.report.html import Html

_IN_THE_DARK = 0.3
"""White that is mixed into a colour on a dark page."""


PAPER = {"light": "#ffffff", "dark": "#14171a"}
"""Behind everything."""
SHADES = (0.12, 0.24, 0.36, 0.48, 0.6)
"""Of a colour on the paper, for the cells of a table: text has to be read on all of them."""


def style_sheet() -> Html:
    """The style sheet, as it goes into the page."""
    text = files("neuroproc.report").joinpath("style.css").read_text(encoding="utf-8")
    light, dark = _colours("light"), _colours("dark")
    rules = [f".{name} {{ background: var(--{name}); fill: var(--{name}); }}" for name in light if name != "paper"]
    in_the_dark = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {_listed(dark)} }} }}"
    return Html("\n".join(["<style>", f":root {{ {_listed(light)} }}", in_the_dark, *rules, f"{text}</style>"]))


def _colours(mode: str) -> dict[str, str]:
    """Colours by class: of layers, of what is right and wrong, in both kinds of light."""
    layers = {**{f"l{number}": colour for number, colour in enumerate(PALETTE)}, "lc": CONTROL}
    if mode == "dark":
        layers = {name: lighter(colour, _IN_THE_DARK) for name, colour in layers.items()}
    shades = {}
    for word, colour in (("right", PALETTE[0]), ("wrong", PALETTE[5])):
        for number, part in enumerate(SHADES):
            shades[f"{word}{number}"] = mixed(colour, PAPER[mode], part)
    return {"paper": PAPER[mode], **layers, **shades}


def mixed(colour: str, ground: str, part: float) -> str:
    """So much of a colour on a ground, all ``#rrggbb``."""
    pairs = ((int(colour[at : at + 2], 16), int(ground[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(part * one + (1 - part) * other):02x}" for one, other in pairs)


def _listed(colours: dict[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


def layer_class(image: ProcessorImage, number: int) -> str:
    """Class of what has a layer's colour: those of other pictures, layer by layer."""
    place = layer_places([record.kind for record in image.layers])[number]
    return "lc" if place is None else f"l{place}"
