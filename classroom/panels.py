"""Panels: controls and a picture that follows them. Live in JupyterLab; in a saved file, the picture and its text."""

import base64
import difflib
import html
import io
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from typing import Any, NamedTuple

import ipywidgets
import matplotlib.pyplot as plt
import torch
from gensim.models import KeyedVectors
from ipywidgets import IntSlider, Layout, SelectionSlider, Text
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from course_lib import plotting
from course_lib.embeddings import analogy, nearest_neighbours, normalise

__all__ = [
    "AttentionMap",
    "Panel",
    "analogy_panel",
    "attention_panel",
    "map_panel",
    "neighbours_panel",
    "row_of",
]

SAVED = "the panel as it was saved: run its cell, and its controls work"
WRAPPED = "margin: 0; white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere"
MAP_INCHES = (8.6, 6.2)  # the most that maps of attention may take: a window of 1024 by 768 shows them whole
LEGIBLE_INCHES = 0.11  # from one token to the next


class Panel(ipywidgets.Box):
    """Panel(draw, k=IntSlider(...), ...) calls draw(k=..., ...) now and whenever a control changes.

    `draw` makes one Matplotlib figure and may print. What it prints, and an error it raises, is shown under the picture
    (escaped: `<unk>` is text). After an error the last picture stays, and the text says so; a ValueError answers
    the reader, hence its message stands alone, another error is named. A view that is taller than the window
    scrolls by itself, so that the controls above it stay in sight. For a choice, take a SelectionSlider: JupyterLab
    takes a Dropdown's arrow keys for its own.
    """

    def __init__(self, draw: Callable[..., Any], **controls: ipywidgets.Widget) -> None:
        self._draw, self._controls, self._png = draw, controls, b""
        self._view = ipywidgets.HTML(layout=Layout(width="100%", max_height="70vh", overflow="auto"))
        for name, control in controls.items():
            control.description = control.description or name
            control.style.description_width = "initial"
            control.observe(lambda _: self.refresh(), "value")
        layout = Layout(flex_flow="row wrap", grid_gap="0 1em")
        super().__init__([*controls.values(), self._view], _dom_classes=("course-panel",), layout=layout)
        self.refresh()

    def refresh(self) -> None:
        """Draw anew from the values that the controls have now."""
        values = {name: control.value for name, control in self._controls.items()}
        printed, figures = io.StringIO(), set(plt.get_fignums())
        try:
            with redirect_stdout(printed):
                self._png = _png(self._draw(**values))
            text = printed.getvalue().rstrip()
        except Exception as error:
            text = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            text += "\n(the picture is still the last one)" * bool(self._png)
        finally:
            for figure in set(plt.get_fignums()) - figures:
                plt.close(figure)
        settings = ", ".join(f"{name} = {value}" for name, value in values.items())
        self.summary = f"{settings}\n{text}".rstrip()
        self._view.value = self._html(text)

    def _html(self, text: str) -> str:
        """The picture, if there is one, and the text under it."""
        picture = base64.b64encode(self._png).decode()
        image = f'<img alt="{html.escape(self.summary)}" style="max-width: 100%" src="data:image/png;base64,{picture}">'
        return f'{image * bool(picture)}<pre style="{WRAPPED}">{html.escape(text)}</pre>'

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = super()._repr_mimebundle_(**kwargs)
        bundle["text/plain"] = self.summary
        bundle["text/html"] = self._html(f"{self.summary}\n({SAVED})")
        return bundle


def _png(drawn: Any) -> bytes:
    figure = drawn if isinstance(drawn, Figure) else getattr(drawn, "figure", None) or plt.gcf()
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=90, metadata={"Software": None})  # no version: it would differ
    return picture.getvalue()


def row_of(vectors: KeyedVectors, word: str) -> int:
    """The row of a word or of its lower-case form; raises ValueError with words that look alike where it has none."""
    word = word.strip()
    for form in (word, word.lower()):
        if form in vectors.key_to_index:
            return vectors.key_to_index[form]
    if not word:
        raise ValueError("type a word into each field")
    alike = difflib.get_close_matches(word.lower(), vectors.index_to_key[:30_000])
    hint = f"; words like it: {', '.join(alike)}" if alike else ""
    raise ValueError(f"'{word}' is not among the {len(vectors):,} words of these vectors{hint}")


def _ranking(vectors: KeyedVectors, similarities: torch.Tensor, rows: torch.Tensor, title: str) -> Any:
    words = [vectors.index_to_key[row] for row in rows]
    print(", ".join(f"{word} {similarity:.2f}" for word, similarity in zip(words, similarities, strict=True)))
    return plotting.bars(words, similarities.tolist(), title=title, xlabel="cosine similarity")


def neighbours_panel(vectors: KeyedVectors, word: str, k: int = 8) -> Panel:
    """A word and its k nearest neighbours."""
    matrix = torch.from_numpy(vectors.vectors)
    lengths = matrix.norm(dim=-1)

    def draw(word: str, k: int) -> Any:
        row, k = row_of(vectors, word), min(k, len(vectors) - 1)
        similarities, rows = nearest_neighbours(matrix[row], matrix, k + 1, lengths)
        others = rows != row
        return _ranking(vectors, similarities[others][:k], rows[others][:k], f"The {k} nearest neighbours of '{word}'")

    return Panel(draw, word=_entry(word), k=IntSlider(k, 1, 20))


def analogy_panel(vectors: KeyedVectors, a: str, b: str, c: str) -> Panel:
    """a is to b as c is to what? The five best answers by b - a + c."""
    matrix = torch.from_numpy(vectors.vectors)
    lengths = matrix.norm(dim=-1)

    def draw(a: str, b: str, c: str) -> Any:
        question = torch.tensor([row_of(vectors, word) for word in (a, b, c)])
        similarities, rows = analogy(matrix, question, min(5, len(vectors) - 3), lengths)
        return _ranking(vectors, similarities, rows, f"'{a}' is to '{b}' as '{c}' is to ...")

    return Panel(draw, a=_entry(a), b=_entry(b), c=_entry(c))


def map_panel(vectors: KeyedVectors, words: str) -> Panel:
    """Words on the plane of their two widest directions (principal components of their unit vectors).

    Groups are parted by `;`, the words of a group by blanks or commas; a group goes by the name of its first word. The
    text says how much of the variance the plane keeps.
    """

    def draw(words: str) -> Any:
        parts = [list(dict.fromkeys(part.replace(",", " ").split())) for part in words.split(";")]
        groups = {f"{part[0]} ...": part for part in parts if part}
        rows = [row_of(vectors, word) for group in groups.values() for word in group]
        if len(set(rows)) < 4:
            raise ValueError("type at least four different words: a plane holds any three")
        unit = normalise(torch.from_numpy(vectors.vectors[rows]))
        centred = unit - unit.mean(dim=0)
        u, s, _ = torch.linalg.svd(centred, full_matrices=False)
        u = u * u.gather(0, u.abs().argmax(dim=0, keepdim=True)).sign()  # a direction has no sign of its own: fix one
        kept = (s[:2].square().sum() / s.square().sum()).item()
        print(f"{len(rows)} words; the plane keeps {kept:.0%} of their variance")
        labels = {"xlabel": "first principal component", "ylabel": "second principal component"}
        wide = plt.figure(figsize=(8.5, 5.5), layout="constrained").add_subplot()
        return plotting.words_on_map(groups, (u * s)[:, :2].numpy(), title="Words on a plane", ax=wide, **labels)

    return Panel(draw, words=_entry(words, width="50em"))


class AttentionMap(NamedTuple):
    """The weights of one attention on one text, and the tokens of its queries (rows) and keys (columns)."""

    weights: Float[Tensor, "H T S"]
    rows: Sequence[str]
    columns: Sequence[str]


def attention_panel(look: Callable[[str], dict[str, AttentionMap]], sentence: str, layer: str | None = None) -> Panel:
    """Where a model looks in the sentence that you type: `look` gives the maps of its layers by name.

    A head, or all of them side by side; where no layer has more than one, there is nothing to choose. The text says for
    each query which key gets most. `layer` is shown first; without it, the first one.
    """
    seen = look(sentence)
    most = max(len(layer.weights) for layer in seen.values())

    def draw(sentence: str, layer: str, head: int | str = 0) -> Any:
        found = look(sentence)[layer]
        heads = range(len(found.weights)) if head == "all" else [head]
        if heads[-1] >= len(found.weights):
            raise ValueError(f"{layer} has the heads 0 to {len(found.weights) - 1}: there is no head {head}")
        for each in heads:
            print(f"head {each}: " * (most > 1) + _most_weight(found, each))
        return _maps(found, layer, heads, numbered=most > 1)

    controls = {
        "sentence": _entry(sentence, width="50em"),
        "layer": _choice(list(seen), layer or next(iter(seen)), width="26em"),
    }
    if most > 1:
        controls["head"] = _choice(["all", *range(most)], "all", width="16em")
    return Panel(draw, **controls)


def _most_weight(found: AttentionMap, head: int) -> str:
    """For each query the key with most weight: 'query → key 0.62'; nothing for a query that looks nowhere."""
    best = found.weights[head].max(dim=-1)
    return ", ".join(
        f"{plotting.visible(query)} → {plotting.visible(found.columns[key])} {weight:.2f}"
        for query, weight, key in zip(found.rows, best.values.tolist(), best.indices.tolist(), strict=True)
        if weight > 0
    )


def _maps(found: AttentionMap, layer: str, heads: Sequence[int], numbered: bool) -> Figure:
    """The heads' maps in the grid that gives them most room; without tokens where these would not be legible."""
    cell, across = max(_cell_in_a_grid(found, len(heads), across) for across in range(1, min(len(heads), 4) + 1))
    down = -(-len(heads) // across)
    legible = cell >= LEGIBLE_INCHES
    width, height = (max(cell * len(tokens), 1) for tokens in (found.columns, found.rows))
    size = (max(across * (width + 0.2) + 1.4, 3.5), max(down * (height + 0.4) + (1.1 if legible else 0.5), 2.5))
    figure = plt.figure(figsize=size, layout="constrained")
    for place, head in enumerate(heads):
        ax = figure.add_subplot(down, across, place + 1)
        title = f"head {head}" if len(heads) > 1 else f"{layer}, head {head}" if numbered else layer
        plotting.attention_map(found.weights[head], found.rows, found.columns, title=title, bar=None, ax=ax)
        ax.tick_params(labelsize=min(9, 72 * cell))  # points
        if place % across or not legible:
            ax.set(yticks=[], ylabel="" if place % across else "query")
        if place + across < len(heads) or not legible:
            ax.set(xticks=[], xlabel="" if place + across < len(heads) else "key")
    if len(heads) > 1:
        figure.suptitle(layer, fontsize=11)
    figure.colorbar(ax.images[0], ax=figure.axes, label="weight", shrink=0.6, aspect=40)
    return figure


def _cell_in_a_grid(found: AttentionMap, heads: int, across: int) -> tuple[float, int]:
    """How large a token's row and column can be where so many maps stand side by side, in inches."""
    down = -(-heads // across)
    wide = ((MAP_INCHES[0] - 1.4) / across - 0.2) / len(found.columns)
    high = ((MAP_INCHES[1] - 1.1) / down - 0.4) / len(found.rows)
    return min(wide, high, 0.3), across


def _choice(options: Sequence[Any], value: Any, width: str) -> SelectionSlider:
    return SelectionSlider(options=options, value=value, continuous_update=False, layout=Layout(width=width))


def _entry(value: str, width: str = "20em") -> Text:
    return Text(value, continuous_update=False, layout=Layout(width=width))
