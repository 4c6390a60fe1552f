"""The documentation as a site: ``sphinx-build -W -n -b html docs OUT``, with the extra ``docs``."""

from neuroproc.version import VERSION

project = "neuroproc"
release = VERSION
html_title = f"neuroproc {VERSION}"
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
pygments_dark_style = "monokai"
html_copy_source = False
html_show_copyright = False

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
# Titles are linked to by their names, as on other sites that show Markdown.
myst_heading_anchors = 4

autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
add_module_names = False
python_maximum_signature_line_length = 88
napoleon_google_docstring = False
napoleon_custom_sections = ["Source", ("Parameters, Raises", "Source")]
default_role = "code"

nitpick_ignore_regex = [
    # Types in docstrings are dtypes, shapes and units, in words; those of signatures have dots.
    ("py:class", r"[^.]*"),
    # There is no network where this is built, so there are no links into other sites.
    ("py:class", r"(collections|concurrent|fractions|pathlib|networkx|numpy)\..*"),
]
nitpick_ignore = [
    # What public functions give, but nobody has to look into.
    ("py:class", "compiler.frontends.model.FloatModel"),
    ("py:class", "compiler.learning.architectures.Architecture"),
    ("py:class", "compiler.stages.Stage"),
]


def arrange(app, what, name, obj, options, lines):
    """Make sections of what is none for napoleon: sources, and types after a colon."""
    for number, line in enumerate(lines):
        if line.startswith("Source: "):
            lines[number : number + 1] = ["Source", "------", line.removeprefix("Source: ")]
    if what in ("attribute", "data", "property") and lines:
        # Napoleon takes the words before a colon for the type.
        lines[0] = lines[0].replace(": ", " \N{EN DASH} ", 1)


def readable(app, what, name, obj, options, signature, returned):
    """Defaults that are made anew for each object, as an expression that Sphinx can read."""
    return (signature or "").replace("<factory>", "...") or None, returned


def setup(app):
    """Arrange docstrings before napoleon reads them."""
    app.connect("autodoc-process-docstring", arrange, priority=400)
    app.connect("autodoc-process-signature", readable)
