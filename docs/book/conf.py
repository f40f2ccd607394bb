"""How Sphinx makes the book: `python3 course.py book` runs it on the prepared notebooks.

Formulas become MathML here, which browsers draw without a script; STIX Two Math, a font with their signs, is copied
from a package.
"""

from pathlib import Path

import ziamath
from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.util import logging

project = "How language models work"
copyright = "the course's authors. Prose: CC BY 4.0, code: MIT"
extensions = ["myst_nb"]
language = "en"

html_theme = "furo"
html_title = project
html_static_path = ["static", str(Path(ziamath.__file__).with_name("fonts") / "STIXTwoMath-Regular.ttf")]
html_css_files = ["book.css"]
html_show_sphinx = html_show_sourcelink = html_copy_source = html_use_index = False
html_show_search_summary = False  # it fetches the pages that were found, which a browser forbids to files
html_domain_indices = False
html_math_renderer = "mathml"

nb_execution_mode = "off"
nb_render_text_lexer = "none"
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3

LONG = 30  # characters of an inline formula that may not fit a telephone's line
_formulas = LatexToMathML()


def _mathml(self, node, display):
    try:
        return _formulas.convert_with_local_state(node.astext().strip(), displaystyle=display)
    except LatexError as error:
        logging.getLogger(__name__).warning("this formula has no MathML: %s", error, location=node)
        return f"<code>{self.encode(node.astext())}</code>"


def inline(self, node):
    length = " math-long" if len(node.astext()) > LONG else ""
    self.body.append(f'<span class="math{length}">{_mathml(self, node, False)}</span>')
    raise nodes.SkipNode


def block(self, node):
    self.body.append(f'<div class="math">{_mathml(self, node, True)}</div>\n')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
