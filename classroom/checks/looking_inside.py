"""Exercises of the notebook looking_inside."""

import copy
import math

import numpy as np
import torch
from course_lib import files
from experiments.tables import looking_inside as table
from torch import Generator, nn

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = ["circuit", "induction_score", "lens", "patched", "steer"]


def _random(seed, *shape):
    return torch.randn(shape, generator=Generator().manual_seed(seed))


def _lens_case(seed, L, C, V, right):
    return 3 * _random(seed, L, C), 1 + _random(seed + 1, C).abs(), _random(seed + 2, V, C), right


def _rms(x):
    return x.square().mean(-1, keepdim=True)


@exercise(
    praise="each stream is normalised and scaled as at the end of the model, and its logits become log-probabilities.",
    cases=lambda seed: [
        (torch.tensor([[3.0, 4.0], [0.0, 1.0]]), torch.tensor([1.0, 2.0]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), 1),
        _lens_case(seed, 5, 4, 7, 3),
        _lens_case(seed + 3, 3, 8, 11, 0),
        case(*_lens_case(seed + 6, 1, 6, 5, 4), edge="a single stream"),
    ],
    wrong={
        "the streams are not normalised: divide each by the root of its mean square, as the last norm does.": {"norm": lambda x: 1},
        "the gain is missing: the last norm multiplies each component by its gain.": {"scale": lambda gain: 1},
        "you divide by the norm: RMSNorm divides by the root of the *mean* square, which is √C times smaller.": {
            "norm": lambda x: x.norm(dim=-1, keepdim=True)
        },
        "the root is missing: divide by the root of the mean square.": {"norm": _rms},
        "the mean is subtracted first: that is LayerNorm, and this model has RMSNorm.": {"centre": lambda x: x - x.mean(-1, keepdim=True)},
        "the mean square runs over the layers, too: each stream has its own.": {"norm": lambda x: x.square().mean().sqrt()},
        "these are logits: take the log-softmax over the vocabulary.": {"end": lambda logits: logits},
        "these are probabilities: return their logarithms.": {"end": lambda logits: logits.softmax(-1)},
        "the softmax runs over the layers: for each layer the probabilities of all *tokens* sum to 1.": {"end": lambda logits: logits.log_softmax(0)},
        "these are bits: take the natural logarithm.": {"end": lambda logits: logits.log_softmax(-1) / math.log(2)},
        "the sign is turned: a log-probability is at most 0.": {"end": lambda logits: -logits.log_softmax(-1)},
    },
)
def lens(
    streams,
    gain,
    embedding,
    right,
    *,
    centre=lambda x: x,
    norm=lambda x: (_rms(x) + 1e-5).sqrt(),
    scale=lambda gain: gain,
    end=lambda logits: logits.log_softmax(-1),
):
    """The log-probability of the token `right`, read from each stream (L, C) through the last norm and the embedding."""
    x = centre(streams)
    return end((x / norm(x) * scale(gain)) @ embedding.mT)[:, right]


def _attention(seed, T, sharp=1.0):
    scores = sharp * _random(seed, T, T)
    return scores.masked_fill(torch.ones(T, T).triu(1).bool(), -math.inf).softmax(-1)


def _two_numbers(result):
    if not isinstance(result, list | tuple | np.ndarray) or np.shape(result) != (2,):
        raise Mistake("no finding without its null: return two numbers, the score and the score of a head that attends evenly.")
    return tuple(map(float, result))


def _even(T):
    return torch.ones(T, T).tril() / torch.arange(1, T + 1)[:, None]


def _score(weights, back, first):
    T = len(weights)
    return torch.stack([weights[t, t - back] for t in range(first, T)]).mean()


@exercise(
    form=_two_numbers,
    praise="a weight of 1 on what followed the first occurrence scores 1; an even head shows how little the score means by itself in a short text.",
    cases=lambda seed: [
        (torch.tensor([[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.1, 0.7, 0.2, 0], [0.2, 0.2, 0.3, 0.3]]),),
        (_attention(seed, 10),),
        (_attention(seed + 1, 16, sharp=3.0),),
        case(_even(6), edge="a head that attends evenly"),
    ],
    wrong={
        "this is the weight on the earlier occurrence of the token itself: take the token after it, T / 2 - 1 positions back.": {"back": lambda T: T // 2},
        "this is the weight on the token before the earlier occurrence: take the token after it, T / 2 - 1 positions back.": {"back": lambda T: T // 2 + 1},
        "this is the score of a previous-token head, one position back.": {"back": lambda T: 1},
        "the first token of the repetition is left out: it, too, has occurred before.": {"first": lambda T: T // 2 + 1},
        "the last token of the first half has not occurred before: begin at position T / 2.": {"first": lambda T: T // 2 - 1},
        "the null is not 1 / T: an even head gives each of the t + 1 visible tokens 1 / (t + 1).": {"null": lambda T: torch.full((T, T), 1 / T)},
        "the null is off by one: at position t there are t + 1 visible tokens.": {
            "null": lambda T: torch.ones(T, T).tril() / torch.arange(T).clamp(min=1)[:, None]
        },
        "an even head attends only to the past: at position t it gives each of the t + 1 visible tokens the same.": {
            "null": lambda T: torch.full((T, T), 2 / T)
        },
        "rows and columns are swapped: a row of the weights belongs to a query.": {"turn": lambda weights: weights.mT},
        "these are sums: take the mean over the queries of the second half.": lambda weights: tuple(
            float(value) * (len(weights) // 2) for value in induction_score.right(weights)
        ),
        "no finding without its null": lambda weights: _score(weights, len(weights) // 2 - 1, len(weights) // 2),
    },
)
def induction_score(weights, *, back=lambda T: T // 2 - 1, first=lambda T: T // 2, null=_even, turn=lambda weights: weights):
    """The mean weight on what followed the first occurrence, and the same for a head that attends evenly."""
    T = len(weights)
    return _score(turn(weights), back(T), first(T)).item(), _score(null(T), T // 2 - 1, first(T)).item()


TOKENS, LENGTH = 5, 8  # BEGIN, A, B, C, D
WIDTH = TOKENS + LENGTH + TOKENS  # token, position, free


def _block(rows, columns, values):
    matrix = torch.zeros(WIDTH, WIDTH)
    matrix[rows, columns] = values
    return matrix


TOKEN, POSITION, FREE = slice(0, TOKENS), slice(TOKENS, TOKENS + LENGTH), slice(TOKENS + LENGTH, WIDTH)


def _weights(x, scores):
    hidden = torch.ones(len(x), len(x)).triu(1).bool()
    return (x @ scores @ x.mT).masked_fill(hidden, -math.inf).softmax(-1)


def _even_are_refused(layer, shares):
    if shares.max() < 0.6:
        raise Mistake(
            f"the weights of layer {layer} are too even at the last token: small scores, several keys that fit, or a later one, which the mask hides."
        )


def _through_two_layers(design):
    def asked(tokens):
        try:
            matrices = [torch.as_tensor(matrix, dtype=torch.float32) for matrix in design()]
        except (TypeError, ValueError):
            raise Mistake("three matrices are expected: of the scores and of the values of layer 0, and of the scores of layer 1.") from None
        if len(matrices) != 3 or any(matrix.shape != (WIDTH, WIDTH) for matrix in matrices):
            raise Mistake(f"three matrices of shape ({WIDTH}, {WIDTH}) are expected.")
        if not all(matrix.isfinite().all() for matrix in matrices):
            raise Mistake("a matrix holds an infinite number or NaN.")
        scores, values, later = matrices
        x = torch.zeros(len(tokens), WIDTH)
        x[range(len(tokens)), tokens] = 1.0
        x[range(len(tokens)), [TOKENS + t for t in range(len(tokens))]] = 1.0
        weights = _weights(x, scores)
        _even_are_refused(0, weights[-1])
        x = x + weights @ x @ values
        copied = _weights(x, later)[-1] @ x[:, TOKEN]
        _even_are_refused(1, copied)
        return int(copied.argmax())

    return asked


@exercise(
    kind="design",
    through=_through_two_layers,
    praise="layer 0 writes what came before into the free numbers, and layer 1 looks for its own token there.",
    cases=lambda seed: [
        ([0, 1, 2, 3, 1],),
        ([0, 3, 4, 2, 1, 4],),
        ([0, 2, 1, 3, 4, 2],),
        ([0, 4, 3, 2, 1, 3],),
        ([0, 1, 3, 2, 4, 2],),
    ],
    wrong={
        "the model predicts its last token once more: layer 1 must look for its token among what came *before* a key, in the free numbers.": [
            {"looks": TOKEN},
            {"back": 0},
            {"looks": POSITION, "own": POSITION},
        ],
        "the model predicts two tokens after the earlier occurrence: layer 0 looks two back.": {"back": 2},
        "the weights of layer 0 are too even": [{"sharp": 0.5}, {"back": -1}],
        "the weights of layer 1 are too even": [{"later": 0.5}, {"writes": POSITION}],
    },
)
def circuit(*, back=1, sharp=40.0, later=40.0, looks=FREE, own=TOKEN, writes=FREE):
    """The scores and values of layer 0 and the scores of layer 1, each (18, 18): an induction head by hand."""
    shift = torch.diag(torch.full((LENGTH - abs(back),), sharp), -back)
    copied = torch.eye(TOKENS) if writes == FREE else torch.eye(TOKENS, LENGTH)
    match = later * torch.eye(TOKENS if own == TOKEN else LENGTH)
    return _block(POSITION, POSITION, shift), _block(TOKEN, writes, copied), _block(own, looks, match)


class _Block(nn.Module):
    """A stream plus a nonlinear mean of it over the past."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, x):
        past = torch.ones(x.shape[1], x.shape[1]).tril()
        return x + torch.tanh(past / past.sum(1, keepdim=True) @ x @ self.weights)


class _Model(nn.Module):
    """Three blocks between an embedding and logits: small, as every answer gets a copy of its own."""

    def __init__(self, seed):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(_random(seed, 11, 6))
        self.blocks = nn.ModuleList(_Block(_random(seed + n, 6, 6)) for n in (1, 2, 3))

    def forward(self, tokens):
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x)
        return x @ self.embedding.weight.mT


def _texts(seed, T):
    both = torch.randint(11, (2, 1, T), generator=Generator().manual_seed(seed))
    return both[0], both[1]


def _left_on(model, clean, corrupted, layer, position):
    """The exercise as it is found: the second hook stays."""
    kept = {}

    def keep(module, inputs, x):
        kept["clean"] = x

    def put(module, inputs, x):
        x = x.clone()
        x[:, position] = kept["clean"][:, position]
        return x

    with torch.no_grad():
        handle = model.blocks[layer].register_forward_hook(keep)
        model(clean)
        handle.remove()
        model.blocks[layer].register_forward_hook(put)
        return model(corrupted)[0, -1]


def _and_afterwards(answer):
    def asked(model, clean, corrupted, layer, position):
        patched_logits = answer(model, clean, corrupted, layer, position)
        if patched_logits is None or patched_logits is ...:
            return None
        with torch.no_grad():
            return {"patched": patched_logits, "the model afterwards": model(corrupted)[0, -1]}

    return asked


def _at(position):
    return position


@exercise(
    kind="debug",
    found=_left_on,
    through=_and_afterwards,
    praise="the patched logits, and a model that is its own again afterwards.",
    cases=lambda seed: [
        (_Model(seed), *_texts(seed, 5), 1, 3),
        (_Model(seed), *_texts(seed + 1, 7), 0, 2),
        (_Model(seed + 9), *_texts(seed + 2, 4), 2, 3),
        case(_Model(seed + 9), *_texts(seed + 3, 6), 1, 0, edge="the first position"),
    ],
    wrong={
        "the hook is gone before the model reads the corrupted text: nothing is patched any more.": {"remove_early": True},
        "every position is patched now: only the one asked for gets the clean vector.": {"where": lambda position: slice(None)},
        "the position after the one asked for is patched.": {"where": lambda position: -1 if position < 0 else slice(position + 1, position + 2)},
        "clean and corrupted are swapped: the corrupted text is read with one vector of the clean text.": {"swap": True},
        "these are the logits after the patched position: the logits after the last token are wanted.": {"read": _at},
        "the block's input is patched: the stream *after* block `layer` is wanted.": {"shift": -1},
        "the stream one block later is patched: the stream after block `layer` is wanted.": {"shift": 1},
    },
)
def patched(model, clean, corrupted, layer, position, *, remove_early=False, where=_at, swap=False, read=lambda position: -1, shift=0):
    """The logits after the last token of `corrupted`, with the clean stream after block `layer` at `position`."""
    if swap:
        clean, corrupted = corrupted, clean
    model, kept, at = copy.deepcopy(model), {}, where(position)
    block = model.embedding if layer + shift < 0 else (model.blocks[layer + shift] if layer + shift < len(model.blocks) else nn.Identity())
    with torch.no_grad():
        handle = block.register_forward_hook(lambda module, inputs, x: kept.update(clean=x))
        model(clean)
        handle.remove()

        def put(module, inputs, x):
            x = x.clone()
            x[:, at] = kept["clean"][:, at]
            return x

        if kept and not remove_early:
            block.register_forward_hook(put)
        return model(corrupted)[0, read(position)]


MOST_COST = 0.3


def _stored():
    rows = [row for row in files.load_results("looking_inside")["rows"] if row["part"] == "steering"]
    allowed = [row for row in rows if row["setting"][1] > 0 and row["detail"]["cost"] <= MOST_COST]
    return [("layer {}, scale {:g}".format(*row["setting"]), _above_null(row)) for row in allowed]


def _above_null(row):
    return row["value"][0] - max(map(abs, row["null"]))


def _choice(**changes):
    return {"layer": 24, "scale": 1.5, "random": 5} | changes


@experiment(
    goal=5.5,
    unit="logits of shift above the largest of the random vectors",
    lower_is_better=False,
    stored=_stored,
    advice={
        "a layer at which the vector's own text has arrived at the last token, but not the very last ones.": lambda choice: choice["layer"] < 20,
        "a larger scale.": lambda choice: choice["scale"] < 1.3,
        "a layer nearer to 24: random vectors move the logits more in the last ones.": lambda choice: True,
    },
    wrong={
        "a larger scale.": lambda: _choice(scale=1.0),
        "a layer at which the vector's own text has arrived": lambda: _choice(layer=8, scale=0.5),
        "a layer nearer to 24": lambda: _choice(layer=28, scale=1.3),
        "the loss of neutral text rises by": lambda: _choice(scale=3),
        "no finding without its null: random is a whole number from 5 to 10, but yours is 0.": lambda: _choice(random=0),
        "layer is a whole number from 1 to 29, but yours is 30.": lambda: _choice(layer=30),
        "scale is a number from 0 to 10, but yours is -2.": lambda: _choice(scale=-2),
        "a dictionary with layer, scale, random is expected": lambda: {"layer": 24, "scale": 1.5},
    },
)
def steer(choice, seed):
    """The shift of log odds by a steering vector minus the largest shift by random vectors of the same norm."""
    if not isinstance(choice, dict) or set(choice) != {"layer", "scale", "random"}:
        raise Mistake("a dictionary with layer, scale, random is expected, and nothing else.")
    layer, scale, random = (choice[name] for name in ("layer", "scale", "random"))
    if layer not in range(1, 30):
        raise Mistake(f"layer is a whole number from 1 to 29, but yours is {layer}.")
    if not isinstance(scale, int | float) or not 0 <= scale <= 10:
        raise Mistake(f"scale is a number from 0 to 10, but yours is {scale}.")
    if random not in range(5, 11):
        raise Mistake(f"no finding without its null: random is a whole number from 5 to 10, but yours is {random}.")
    row = table.steered(int(layer), float(scale), int(random))
    if row["detail"]["cost"] > MOST_COST:
        raise Mistake(f"the loss of neutral text rises by {row['detail']['cost']:.2f} nats, and {MOST_COST} is the most allowed here: a smaller scale.")
    return _above_null(row)
