"""The documentation as a site: ``sphinx-build -W -n -b html docs OUT``, with the extra ``docs``."""

from neuroproc.version import VERSION

project = "neuroproc"
release = VERSION
html_title = f"neuroproc {VERSION}"
html_theme = "furo"
html_copy_source = False
html_show_copyright = False

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
# Titles are linked to by their names, as on other sites that show Markdown.
myst_heading_anchors = 4

autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
