"""What a drawing is written on: SVG of equal bytes at each run, in a light and a dark theme, its text as outlines.

Text is drawn as outlines of Matplotlib's own fonts, so that it looks the same everywhere and its size is known: what
does not fit can be found by a test.
"""

import base64
import html
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from classroom.diagrams.geometry import Box

__all__ = ["FRAMES", "LINES", "PALETTE", "SHAPES", "TEXTS", "Canvas", "Label", "outlines"]

# A role's fill and line on light paper, its fill and line on dark, and the radius of its corners. The fills grow darker
# in this order and the corners differ, so that computed, carried and learned can be told apart in grey as well.
PALETTE = {
    "plain": ("#ffffff", "#24292f", "#15181d", "#e3e6ea", 6),
    "faint": ("#ffffff", "#5f6873", "#15181d", "#9aa4b0", 12),
    "token": ("#f5f2ec", "#6f6a5e", "#33312c", "#b9b3a4", 14),
    "vector": ("#dbeafa", "#0067a3", "#14354d", "#6db9ee", 6),  # computed: activations, queries, keys, values
    "state": ("#c4e8d8", "#00704f", "#10402f", "#4fc79a", 6),  # carried on: a state, a stream, a cache
    "score": ("#ecc9e1", "#95306f", "#552243", "#e58fc7", 6),  # attention's scores and weights
    "weight": ("#f6bd85", "#9c4400", "#6b3a0e", "#f3a65a", 0),  # learned
    "loss": ("#f0a39a", "#a31a12", "#6e211b", "#ff8f85", 6),
}
FRAMES, LINES, SHAPES, TEXTS = range(4)  # drawn in this order
CAPITAL = 0.365  # half the height of a capital letter, in ems
CLOSED = 79  # Matplotlib's code of a path that returns to its start

Glyphs = list[tuple[str, float, float, float]]


@dataclass(frozen=True)
class Label:
    """A line of text: the bounds of its ink, the box that must hold it, and what is under it.

    That is a role's colour, and how much of its line's colour there is (1: the role's fill).
    """

    box: Box
    text: str
    size: float
    role: str
    owner: Box | None
    ground: tuple[str, float]


@dataclass
class Canvas:
    """A page as wide as a notebook (900 pixels) or less. As the last value of a cell it is shown, its text read out."""

    width: int
    height: int
    alt: str
    labels: list[Label] = field(default_factory=list, repr=False)
    _drawn: tuple[list[str], ...] = field(default_factory=lambda: ([], [], [], []), repr=False)
    _glyphs: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.alt = " ".join(self.alt.split())  # it may be written over several lines

    def draw(self, layer: int, element: str) -> None:
        """Add an SVG element to a layer."""
        self._drawn[layer].append(element)

    def text(self, x: float, y: float, line: str, label: Label, align: str, bold: bool) -> None:
        """Draw a line of text, its capitals' middle at y, and keep its label with the bounds of the ink."""
        glyphs, paths, (left, top, right, bottom) = outlines(line, bold)
        scale, uses = label.size / 1000, ""
        x0 = x - {"start": left, "middle": (left + right) / 2, "end": right}[align] * scale
        y0 = y + CAPITAL * label.size
        for glyph, gx, gy, small in glyphs:
            name, _ = self._glyphs.setdefault(glyph, (f"g{len(self._glyphs)}", paths[glyph]))
            place = f'x="{gx:.0f}" y="{gy:.0f}"'
            if small != 1:
                place = f'transform="matrix({small:.3g} 0 0 {small:.3g} {gx:.0f} {gy:.0f})"'
            uses += f'<use href="#{name}" {place}/>'
        where = f"translate({x0:.1f} {y0:.1f})scale({scale:g})"
        self.draw(TEXTS, f'<g class="t-{label.role}" transform="{where}">{uses}</g>')
        middle = x0 + (left + right) / 2 * scale, y0 + (top + bottom) / 2 * scale
        ink = Box(*middle, (right - left) * scale, (bottom - top) * scale)
        self.labels.append(Label(ink, line, label.size, label.role, label.owner, label.ground))

    @property
    def svg(self) -> str:
        """The file; equal drawings give equal bytes."""
        body = "".join(element for layer in self._drawn for element in layer)
        glyphs = "".join(f'<path id="{name}" d="{path}"/>' for name, path in self._glyphs.values())
        size = f'width="{self.width}" height="{self.height}"'
        style = f"{_theme(0)}@media (prefers-color-scheme:dark){{{_theme(2)}}}"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {self.width} {self.height}" role="img">'
            f"<desc>{html.escape(self.alt)}</desc><style>{style}</style><defs>{glyphs}</defs>"
            f'<rect class="paper" {size} rx="8"/><g stroke-width="1.4">{body}</g></svg>'
        )

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        # An <img>: JupyterLab shows it in notebooks that are not trusted too, reads out its alt, hands it the theme.
        # The class tells the themes of Sphinx books that the picture has a dark side of its own.
        source = "data:image/svg+xml;base64," + base64.b64encode(self.svg.encode()).decode()
        looks = f'class="dark-light" width="{self.width}"'
        return {"text/html": f'<img {looks} alt="{html.escape(self.alt)}" src="{source}">', "text/plain": self.alt}


def _theme(first: int) -> str:
    """The style of each role: light from the palette's entry 0 on, dark from 2."""
    paper = PALETTE["plain"][first]
    rules = [f".paper{{fill:{paper}}}.under{{stroke:{paper}}}"]
    for role, colours in PALETTE.items():
        fill, line = colours[first], colours[first + 1]
        rules.append(f".f-{role}{{fill:{fill}}}.s-{role}{{stroke:{line}}}.t-{role}{{fill:{line}}}")
    return "".join(rules)


@cache
def outlines(text: str, bold: bool) -> tuple[Glyphs, dict[str, str], np.ndarray]:
    """Glyphs with their places, the glyphs' paths, and left, top, right, bottom of the ink, at 1,000 units per em."""
    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")  # by file: by name, the system's edition may be found
    face = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    font = FontProperties(fname=fonts / face, math_fontfamily="dejavuserif")
    ours = {key: value for key, value in matplotlib.rcParamsDefault.items() if key.startswith(("mathtext.", "text."))}
    with matplotlib.rc_context(ours):  # whatever the reader's matplotlibrc says
        placed, shapes, bars = text_to_path.get_glyphs_mathtext(font, text)
    for n, bar in enumerate(bars):  # the lines of roots and fractions
        placed.append((f"{text}{n}", 0, 0, 1))
        shapes[f"{text}{n}"] = bar
    paths, ink = {}, []
    for glyph, x, y, scale in placed:
        points, codes = np.reshape(shapes[glyph][0], (-1, 2)) * [10, -10], np.asarray(shapes[glyph][1])
        ink.append(points[codes != CLOSED] * scale + [10 * x, -10 * y])
        paths[glyph] = _path(points, codes)
    places = [(glyph, 10 * x, -10 * y, scale) for glyph, x, y, scale in placed]
    corners = np.concatenate(ink)
    return places, paths, np.concatenate([corners.min(axis=0), corners.max(axis=0)])


def _path(points: np.ndarray, codes: np.ndarray) -> str:
    """A glyph as an SVG path: Matplotlib's codes are 1 (move), 2 (line), 3 and 4 (curves), and CLOSED."""
    path = ""
    for (last, code), (x, y) in zip(pairwise([0, *codes]), points, strict=True):
        if code == CLOSED:
            path += "Z"
        else:
            path += f"{' MLQC'[code] if code != last else ' '}{x:.0f} {y:.0f}"
    return path
