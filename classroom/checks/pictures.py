"""Exercises of the notebook pictures."""

from functools import cache

import numpy as np
import torch
from course_lib import files, vision
from experiments.tables import anything, moved_digits
from torch import Generator
from torch.nn import functional as F

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = ["clip_loss", "corner_kernel", "cut_patches", "one_epoch", "patch_budget", "predict_bytes"]

EDGE = torch.tensor([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
SEEN = {
    "a flat area": torch.ones(6, 6),
    "a vertical edge": EDGE.expand(6, 6),
    "a horizontal edge": EDGE.expand(6, 6).T,
    "a corner": EDGE[:, None] * EDGE,
}


def _seen(design):
    """From a kernel to what it makes of four pictures: whether it is silent, and its sign at the corner."""

    def asked(question):
        try:
            kernel = torch.as_tensor(design()).float()
        except (TypeError, ValueError, RuntimeError):
            kernel = torch.zeros(0)
        if kernel.shape != (3, 3) or not kernel.isfinite().all():
            raise Mistake("three rows of three finite numbers are expected.")
        found = {name: F.conv2d(picture[None, None], kernel[None, None])[0, 0] for name, picture in SEEN.items()}
        silent = {name: response.abs().max().item() < 1e-5 for name, response in found.items()}
        if question != "a corner":
            return silent[question]
        if not all(silent[name] for name in SEEN if name != "a corner"):
            return "not silent"
        at = found["a corner"][2, 2].item()  # the window's centre is the first bright pixel
        return "above 0" if at > 1e-5 else "below 0" if at < -1e-5 else "0"

    return asked


@exercise(
    kind="design",
    through=_seen,
    praise="its rows sum to 0 and its columns, too: only where an edge turns do the products not cancel.",
    cases=lambda seed: [(name,) for name in SEEN],
    wrong={
        "it answers even a flat area: there, all nine products are the same brightness times a weight.": [
            {"kernel": [[1.0] * 3] * 3},
        ],
        "it still answers a vertical edge: in its windows all three rows are alike. Which sums of weights meet there?": {"kernel": [[-1.0, 0.0, 1.0]] * 3},
        "it still answers a horizontal edge: in its windows all three columns are alike. Which sums of weights meet there?": {
            "kernel": [[-1.0] * 3, [0.0] * 3, [1.0] * 3]
        },
        "it is silent on a flat area, but it answers straight edges of both directions.": {"kernel": [[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]]},
        "at the corner it is below 0: change its sign.": {"kernel": [[-1.0, 0.0, 1.0], [0.0] * 3, [1.0, 0.0, -1.0]]},
        "it is silent at the corner, too: a kernel of zeros sees nothing.": {"kernel": [[0.0] * 3] * 3},
    },
)
def corner_kernel(*, kernel=((1.0, 0.0, -1.0), (0.0, 0.0, 0.0), (-1.0, 0.0, 1.0))):
    """Nine weights that are silent on flat areas and straight edges, and above 0 at a top left corner."""
    return kernel


def _picture(seed, *shape):
    return torch.randn(shape, generator=Generator().manual_seed(seed))


def _cut(picture, size, rows_first, colours_first, turned):
    height, width = picture.shape[1:]
    found = []
    corners = [(y, x) for y in range(0, height, size) for x in range(0, width, size)]
    if not rows_first:
        corners.sort(key=lambda corner: corner[::-1])
    for y, x in corners:
        square = picture[:, y : y + size, x : x + size]
        square = square.mT if turned else square
        found.append((square if colours_first else square.permute(1, 2, 0)).flatten())
    return torch.stack(found)


@exercise(
    praise="row by row from the top left, all red numbers of a patch before its green ones, as the library has them.",
    cases=lambda seed: [
        (torch.arange(8.0).view(1, 2, 4), 2),
        (_picture(seed, 3, 6, 8), 2),
        (_picture(seed + 1, 3, 9, 6), 3),
        case(_picture(seed + 2, 2, 3, 5), 1, edge="patches of one pixel"),
        case(_picture(seed + 3, 3, 4, 4), 4, edge="one patch"),
    ],
    wrong={
        "the patches come column by column: row by row is wanted.": {"rows_first": False},
        "the colours of each pixel stand together: all numbers of the first colour come first.": {"colours_first": False},
        "each patch is transposed: its numbers go row by row.": {"turned": True},
        "these are the numbers in the order of memory, so that a 'patch' is a piece of a row: cut squares.": lambda picture, size: picture.reshape(
            -1, picture.shape[0] * size * size
        ),
        "the patches are squares still: flatten each into one row.": lambda picture, size: torch.stack(
            [patch.view(len(picture), size, size) for patch in vision.patches(picture[None], size)[0]]
        ),
        "the axis of the batch is too many: one picture is given.": lambda picture, size: vision.patches(picture[None], size),
    },
)
def cut_patches(picture, size, *, rows_first=True, colours_first=True, turned=False):
    """The patches of a picture (R, Y, X), each as a row of R size² numbers."""
    return _cut(picture, size, rows_first, colours_first, turned)


def _vectors(seed, count, width):
    return _picture(seed, count, width), _picture(seed + 1, count, width)


@exercise(
    praise="two pairs, e to the scale's difference: 0.693 where all scores are equal, near 0 where each finds its own.",
    cases=lambda seed: [
        (torch.ones(2, 3), torch.ones(2, 3), 5.0),
        (*_vectors(seed, 7, 5), 10.0),
        (*_vectors(seed + 2, 5, 11), 3.0),
        case(torch.eye(3), torch.eye(3)[[1, 2, 0]], 2.0, edge="pictures that each have another's name"),
    ],
    wrong={
        "the vectors are not normalised: a cosine is wanted.": {"unit": lambda x: x},
        "the softmax goes over the names only: each name must choose among the pictures, too.": {"sides": "pictures"},
        "the softmax goes over the pictures only: each picture must choose among the names, too.": {"sides": "names"},
        "this is the sum of both directions: take their mean.": {"both": 1.0},
        "the scale is missing: multiply the cosines by it.": {"scaled": lambda cosines, scale: cosines},
        "you divide by the scale: it multiplies (a temperature divides).": {"scaled": lambda cosines, scale: cosines / scale},
        "this is the sum over the batch: take the mean.": {"over": "sum"},
        "the sign: a loss is minus the log of a probability.": {"sign": -1.0},
        "this only pulls pairs together: without the other pairs of the batch, all vectors could be the same.": lambda u, v, scale: (
            -(F.normalize(u, dim=1) * F.normalize(v, dim=1)).sum(dim=1).mean() * scale
        ),
    },
)
def clip_loss(
    pictures,
    names,
    scale,
    *,
    unit=lambda x: F.normalize(x, dim=1),
    scaled=lambda cosines, scale: cosines * scale,
    sides="both",
    both=0.5,
    over="mean",
    sign=1.0,
):
    """The contrastive loss of vectors whose row i belongs together."""
    logits = scaled(unit(pictures) @ unit(names).T, scale)
    own = torch.arange(len(logits))
    of_pictures = F.cross_entropy(logits, own, reduction=over)
    of_names = F.cross_entropy(logits.T, own, reduction=over)
    one = {"pictures": of_pictures, "names": of_names}.get(sides)
    return sign * (both * (of_pictures + of_names) if one is None else one)


def _two_orders(pictures, names, batch_size, generator):
    """The exercise as it is found: two orders, so that the diagonal means nothing."""
    pictures = pictures[torch.randperm(len(pictures), generator=generator)]
    names = names[torch.randperm(len(names), generator=generator)]
    batches = []
    for start in range(0, len(names), batch_size):
        end = start + batch_size
        batches.append((pictures[start:end], names[start:end]))
    return batches


def _told(batches):
    """What must hold of an epoch's batches, whatever their order; the name of picture n is 10 n."""
    try:
        sizes = [(len(pictures), len(names)) for pictures, names in batches]
        pictures = np.concatenate([pictures for pictures, _ in batches]).flatten()
        names = np.concatenate([names for _, names in batches]).flatten()
    except (TypeError, ValueError, RuntimeError):
        return ["no list of pairs of tensors, one for each batch"]
    right = len(pictures) == len(names) and bool((names == 10 * pictures).all())
    turned = len(pictures) == len(names) and bool((pictures == 10 * names).all())
    moved = bool((pictures[1:] < pictures[:-1]).any()) or len(pictures) < 3
    once = len(set(pictures.tolist())) == len(pictures)
    pairs = "names before pictures" if turned else f"all pairs right: {right}"
    return [str(sizes), pairs, f"shuffled: {moved}", f"each once: {once}"]


def _epochs(answer):
    """From a function of batches to what holds of one epoch, and whether the next one has another order."""

    def asked(pictures, names, batch_size, generator):
        first = answer(pictures, names, batch_size, generator)
        if first is None or first is ...:
            return None
        first = list(first)
        told = _told(first)
        if "each once: True" in told:
            following = np.concatenate([some for some, _ in answer(pictures, names, batch_size, generator)])
            same = np.array_equal(np.concatenate([some for some, _ in first]), following)
            told.append(f"the next epoch is the same: {same}")
        return told

    return asked


def _numbered(count, batch_size, seed):
    pictures = torch.arange(count).float()
    return pictures, 10 * pictures, batch_size, Generator().manual_seed(seed)


def _one_order(count, generator):
    return torch.randperm(count, generator=generator)


def _ordered(pictures, names, batch_size, generator):
    parts = _one_order(len(names), generator).split(batch_size)
    return [(pictures[part], names[part]) for part in parts]


@exercise(
    kind="debug",
    found=_two_orders,
    through=_epochs,
    praise="one order for both: row i of the pictures and row i of the names belong together again.",
    cases=lambda seed: [
        _numbered(12, 4, seed),
        _numbered(23, 5, seed + 1),
        case(*_numbered(9, 9, seed + 2), edge="a single batch"),
    ],
    wrong={
        "the pairs are right, but nothing is shuffled any more: every epoch would have the same batches.": {
            "order": lambda count, generator: torch.arange(count)
        },
        "every epoch has the same order: draw it with the generator that is given.": {
            "order": lambda count, generator: torch.randperm(count, generator=Generator().manual_seed(0))
        },
        "each pair is the wrong way round: pictures first, then their names.": lambda pictures, names, batch_size, generator: [
            (words, images) for images, words in _ordered(pictures, names, batch_size, generator)
        ],
        "the last batch is lost: it may be smaller than the others.": {"last": False},
        "a pair can come twice in an epoch now, and others not at all: draw an order, not numbers.": {
            "order": lambda count, generator: torch.randint(count, (count,), generator=generator)
        },
    },
)
def one_epoch(pictures, names, batch_size, generator, *, order=_one_order, last=True):
    """All pairs in a new order, in batches."""
    chosen = order(len(names), generator)
    parts = [part for part in chosen.split(batch_size) if last or len(part) == batch_size or len(chosen) == batch_size]
    return [(pictures[part], names[part]) for part in parts]


def _stored():
    rows = [row for row in files.load_results("moved_digits")["rows"] if row["tower"] == "patches"]
    usual, named = moved_digits.CHOICE, {}
    for row in rows:
        choice = {name: row[name] for name in usual}
        sizes = {name: choice[name] for name in ("patch_size", "d_model", "n_layers", "batch_size")}
        if row["seed"] or row["scrambled"] or row["steps"] != moved_digits.steps_of(**sizes):
            continue
        changes = [f"{name} {choice[name]}" for name, value in usual.items() if choice[name] != value]
        named[", ".join(changes) or "the usual choice"] = row["validation"][0]
    return list(named.items())


def _choice(**changes):
    return moved_digits.CHOICE | changes


LIMITS = {"d_model": (8, 96, 4), "n_layers": (1, 6, 1), "batch_size": (8, 256, 1)}


def _require_sizes(choice, limits):
    for name, (least, most, step) in limits.items():
        if choice[name] not in range(least, most + 1, step):
            kind = "a whole number" if step == 1 else f"a multiple of {step}"
            raise Mistake(f"{name} is {kind} from {least} to {most}, but yours is {choice[name]!r}.")


def _require_rate(choice):
    rate = choice["learning_rate"]
    if not isinstance(rate, int | float) or not 0 < rate < 1:
        raise Mistake(f"learning_rate is a number above 0 and below 1, but yours is {rate!r}.")


@experiment(
    goal=0.55,
    unit="accuracy on the moved validation digits",
    lower_is_better=False,
    stored=_stored,
    advice={
        "patches of 4 pixels: smaller ones make many tokens and few steps, larger ones mix half a digit into each.": lambda choice: choice["patch_size"] != 4,
        "a higher learning rate: the steps are few.": lambda choice: choice["learning_rate"] < 0.005,
        "a lower learning rate.": lambda choice: choice["learning_rate"] > 0.02,
        "fewer layers, which leaves more steps.": lambda choice: choice["n_layers"] > 1,
        "a width and a batch nearer to the usual ones.": lambda choice: True,
    },
    wrong={
        "patches of 4 pixels": lambda: _choice(patch_size=8),
        "a higher learning rate": lambda: _choice(learning_rate=0.0003),
        "a lower learning rate": lambda: _choice(learning_rate=0.5),
        "patch_size is one of 1, 2, 4, 8, 16, but yours is 3.": lambda: _choice(patch_size=3),
        "d_model is a multiple of 4 from 8 to 96, but yours is 30.": lambda: _choice(d_model=30),
        "n_layers is a whole number from 1 to 6, but yours is 0.": lambda: _choice(n_layers=0),
        "batch_size is a whole number from 8 to 256, but yours is 1.": lambda: _choice(batch_size=1),
        "learning_rate is a number above 0 and below 1, but yours is 3.": lambda: _choice(learning_rate=3),
        "a dictionary with patch_size, d_model, n_layers, batch_size, learning_rate is expected": lambda: {"patch_size": 4},
    },
)
def patch_budget(choice, seed):
    """Patches, width, layers, batch and rate of a vision Transformer in a fixed time."""
    names = list(moved_digits.CHOICE)
    if not isinstance(choice, dict) or set(choice) != set(names):
        raise Mistake(f"a dictionary with {', '.join(names)} is expected, and nothing else.")
    if choice["patch_size"] not in (1, 2, 4, 8, 16):
        raise Mistake(f"patch_size is one of 1, 2, 4, 8, 16, but yours is {choice['patch_size']!r}.")
    _require_sizes(choice, LIMITS)
    _require_rate(choice)
    return moved_digits.chosen(0, **choice)["validation"][0]


def _against_compressors(field, bits):
    return bits / min(anything.compressed(field, name, "validation") for name in anything.COMPRESSORS)


@cache
def _bits(**choice):
    return anything.row(**choice, system="Transformer", seed=0)["validation"][0]


def _byte_choices():
    named = []
    for row in files.load_results("anything")["rows"]:
        if row["system"] == "Transformer" and row["seed"] == 0:
            changes = [f"{name} {row[name]}" for name, value in anything.CHOICE.items() if name != "field" and row[name] != value]
            name = f"{row['field']} with {', '.join(changes) or 'the usual sizes'}"
            named.append((name, _against_compressors(row["field"], row["validation"][0])))
    return named


def _bytes(**changes):
    return anything.CHOICE | changes


SIZES = {"d_model": (8, 64, 4), "n_layers": (1, 3, 1), "batch_size": (8, 64, 1)}


@experiment(
    goal=0.74,
    unit="of the best compressor's bits",
    stored=_byte_choices,
    advice={
        "a higher learning rate: the steps are few.": lambda choice: choice["learning_rate"] < 0.001,
        "a lower learning rate.": lambda choice: choice["learning_rate"] > 0.01,
        "a second layer.": lambda choice: choice["n_layers"] < 2,
        "a wider model.": lambda choice: choice["d_model"] < 48,
        "smaller batches: the same bytes make more steps.": lambda choice: choice["batch_size"] > 16,
        "a rate between 0.003 and 0.006, or another field.": lambda choice: True,
    },
    wrong={
        "a higher learning rate": lambda: _bytes(field="table", d_model=16, batch_size=64, learning_rate=0.00003),
        "a lower learning rate": lambda: _bytes(field="table", d_model=16, batch_size=64, learning_rate=0.3),
        "a second layer": lambda: _bytes(d_model=16, batch_size=64),
        "a wider model": lambda: _bytes(d_model=16, n_layers=2, batch_size=64),
        "smaller batches": lambda: _bytes(field="tunes", d_model=48, n_layers=2, batch_size=64),
        "another field": lambda: _bytes(d_model=48, n_layers=2, batch_size=16, learning_rate=0.001),
        "field is one of pixels, tunes, table, but yours is 'text'.": lambda: _bytes(field="text"),
        "d_model is a multiple of 4 from 8 to 64, but yours is 100.": lambda: _bytes(d_model=100),
        "n_layers is a whole number from 1 to 3, but yours is 4.": lambda: _bytes(n_layers=4),
        "batch_size is a whole number from 8 to 64, but yours is 1.": lambda: _bytes(batch_size=1),
        "learning_rate is a number above 0 and below 1, but yours is 3.": lambda: _bytes(learning_rate=3),
        "a dictionary with field, d_model, n_layers, batch_size, learning_rate is expected": lambda: {"field": "table"},
    },
)
def predict_bytes(choice, seed):
    """Field, width, layers, batch and rate of a GPT that predicts bytes after reading 300,000 of them."""
    names = list(anything.CHOICE)
    if not isinstance(choice, dict) or set(choice) != set(names):
        raise Mistake(f"a dictionary with {', '.join(names)} is expected, and nothing else.")
    if choice["field"] not in anything.FIELDS:
        raise Mistake(f"field is one of {', '.join(anything.FIELDS)}, but yours is {choice['field']!r}.")
    _require_sizes(choice, SIZES)
    _require_rate(choice)
    return _against_compressors(choice["field"], _bits(**choice))
