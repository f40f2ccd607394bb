"""Exercises of the notebook attention."""

import math

import torch
from course_lib import files, positions
from experiments.tables import beyond_length
from torch import Generator

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = [
    "batch_mask",
    "beyond_trained_length",
    "causal_attention",
    "look_back",
    "rotate",
    "soft_lookup",
]


def _random(seed, *shape):
    return torch.randn(shape, generator=Generator().manual_seed(seed))


def _triangle(length):
    return torch.ones(length, length, dtype=torch.bool).tril()


def _qkv(seed, *batch, queries=5, keys=7):
    shapes = ((queries, 11), (keys, 11), (keys, 3))
    return tuple((2 if n == 0 else 1) * _random(seed + n, *batch, *shape) for n, shape in enumerate(shapes))


def _by_hand():
    eye, ln3 = torch.eye(3, 4), math.log(3)
    q = 2 * eye + torch.tensor([[0.0] * 4, [0] * 4, [2, 2, -2, 0]])
    return q, ln3 * eye * torch.tensor([[1], [1], [0]]), torch.tensor([[0.0], [10.0], [5.0]])


def _products(q, k):
    return q @ k.mT


def _mean(weights, v):
    return weights @ v


@exercise(
    praise="three tokens: 3, 7 and 5, as by hand; and whole batches.",
    cases=lambda seed: [
        _by_hand(),
        _qkv(seed),
        case(*_qkv(seed, queries=1), edge="a single query"),
        case(*_qkv(seed, 2), edge="a batch in front"),
        case(*_qkv(seed, 2, 3), edge="a batch and heads in front"),
    ],
    wrong={
        "the scores are not scaled: divide q kᵀ by √d before the softmax.": {"scale": lambda q, k, v: 1},
        "you divide by d itself: divide by its root, √d.": {"scale": lambda q, k, v: q.shape[-1]},
        "you multiply by √d: divide by it.": {"scale": lambda q, k, v: q.shape[-1] ** -0.5},
        "you multiply by d: divide by its root, √d.": {"scale": lambda q, k, v: 1 / q.shape[-1]},
        "this is the root of the number of keys: d is the width of a query, its last axis.": {"scale": lambda q, k, v: k.shape[-2] ** 0.5},
        "this is the root of the number of queries: d is the width of a query.": {"scale": lambda q, k, v: q.shape[-2] ** 0.5},
        "this is the root of the width of the values: d is the width of a query.": {"scale": lambda q, k, v: v.shape[-1] ** 0.5},
        "this is the root of the length of the first axis: d is the width of a query, its last axis.": {"scale": lambda q, k, v: len(q) ** 0.5},
        "you divide by the fourth root of d: divide by √d.": {"scale": lambda q, k, v: q.shape[-1] ** 0.25},
        "you divide by the norms, as for a cosine: attention divides by √d alone.": {
            "scale": lambda q, k, v: q.norm(dim=-1, keepdim=True) * k.norm(dim=-1)[..., None, :]
        },
        "your softmax runs over the queries (dim=-2): for each query the weights of the *keys* sum to 1, dim=-1.": {
            "softmax": lambda scores: scores.softmax(-2)
        },
        "your softmax runs along the first axis: the keys are along the last one, dim=-1.": {"softmax": lambda scores: scores.softmax(0)},
        "your softmax runs along axis 1, which is the keys' for two axes only: the last axis is dim=-1.": {"softmax": lambda scores: scores.softmax(1)},
        "your softmax runs over all scores at once: each query has weights of its own that sum to 1.": {
            "softmax": lambda scores: scores.flatten(-2).softmax(-1).view_as(scores)
        },
        "the softmax is missing: turn the scaled scores into weights before you multiply by v.": {"softmax": lambda scores: scores},
        "the exponentials are not divided by their sum over the keys.": {"softmax": torch.exp},
        "the scores are divided by their sum, without exp: that is no softmax.": {"softmax": lambda scores: scores / scores.sum(-1, keepdim=True)},
        "this takes the value of the best key alone: the softmax gives every key some weight.": [
            {"softmax": lambda scores: torch.nn.functional.one_hot(scores.argmax(-1), scores.shape[-1]).float()},
            {"softmax": lambda scores: (scores == scores.amax(-1, keepdim=True)).float()},
        ],
        "these are sigmoids, which do not sum to 1: a softmax over the keys is wanted.": {"softmax": torch.sigmoid},
        "you scale after the softmax: the weights no longer sum to 1. Divide the scores first.": lambda q, k, v: (
            (q @ k.mT).softmax(-1) / q.shape[-1] ** 0.5 @ v
        ),
        "queries and keys are swapped: a row of scores belongs to a query, q kᵀ.": lambda q, k, v: (k @ q.mT / q.shape[-1] ** 0.5).softmax(-1) @ v,
        "these are the weights: return the weighted mean of the values.": {"mean": lambda weights, v: weights},
        "return the mean of the values alone, without the weights.": [
            {"mean": lambda weights, v: (weights, weights @ v)},
            {"mean": lambda weights, v: (weights @ v, weights)},
        ],
    },
)
def soft_lookup(
    q,
    k,
    v,
    *,
    scores=_products,
    scale=lambda q, k, v: q.shape[-1] ** 0.5,
    softmax=lambda scores: scores.softmax(-1),
    mean=_mean,
):
    """softmax(q k^T / sqrt(d)) v, with any axes before the last two."""
    return mean(softmax(scores(q, k) / scale(q, k, v)), v)


def _masked_too_late(q, k, v):
    """The exercise as it is found: masked after the softmax, whose denominator has seen the future."""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    weights = torch.softmax(scores, dim=-1)
    weights = weights * torch.ones(weights.shape[-2:]).tril()
    return weights @ v


def _hide(scores):
    return scores.masked_fill(~_triangle(scores.shape[-1]), -math.inf)


@exercise(
    kind="debug",
    found=_masked_too_late,
    praise="the weights of each query sum to 1, and no later key has a part in them.",
    cases=lambda seed: [
        (torch.zeros(3, 2), torch.zeros(3, 2), torch.tensor([[1.0], [3.0], [8.0]])),
        tuple(2 * _random(seed + n, 7, width) for n, width in enumerate((11, 11, 3))),
        case(*(_random(seed + n, 2, 5, width) for n, width in enumerate((4, 4, 2))), edge="a batch in front"),
        case(*(_random(seed + n, 1, width) for n, width in enumerate((4, 4, 2))), edge="a text of one token"),
    ],
    wrong={
        "a score of 0 is a score like any other: e⁰ = 1 has its share. Hidden scores must be -inf before the softmax.": {
            "hide": lambda scores: scores * _triangle(scores.shape[-1])
        },
        "each query now sees what comes *after* it: the triangle is upside down.": [
            {"hide": lambda scores: scores.masked_fill(_triangle(scores.shape[-1]).tril(-1), -math.inf)},
            {"hide": lambda scores: scores.masked_fill(~_triangle(scores.shape[-1]).mT, -math.inf)},
        ],
        "no query sees itself now: the diagonal is allowed.": [
            {"hide": lambda scores, low=low: scores.masked_fill(~_triangle(scores.shape[-1]).tril(-1), low)} for low in (-1e9, -math.inf)
        ],
        "each query sees one token of the future: the triangle begins one column too far right.": {
            "hide": lambda scores: scores.masked_fill(torch.ones_like(scores, dtype=torch.bool).triu(2), -math.inf)
        },
        "nothing is hidden any more: the mask is gone.": {"hide": lambda scores: scores},
        "the softmax runs over the queries: for each query the weights of the keys sum to 1.": {"softmax": lambda scores: scores.softmax(-2)},
        "the mask adds 1 where a query may look, which hides nothing: add -inf where it may not.": {
            "hide": lambda scores: scores + _triangle(scores.shape[-1])
        },
        "the root is lost: divide the scores by √d, as before.": {"scale": lambda q: 1},
        "the weights are divided by the number of visible keys, which is not their sum: hide the scores instead.": lambda q, k, v: (
            _masked_too_late(q, k, v) / torch.arange(1, q.shape[-2] + 1)[:, None]
        ),
    },
)
def causal_attention(q, k, v, *, scale=lambda q: q.shape[-1] ** 0.5, hide=_hide, softmax=lambda scores: scores.softmax(-1)):
    """Attention in which no query sees a later key."""
    return softmax(hide(q @ k.mT / scale(q))) @ v


def _boolean(mask):
    if getattr(mask, "dtype", None) is not None and mask.dtype.kind != "b":
        raise Mistake(
            f"your mask holds numbers ({mask.dtype}): a mask here is boolean, True where a query may look. Do not turn it into 0 and 1, nor into 0 and -inf."
        )
    return mask


def _real(lengths, longest):
    return torch.arange(longest) >= longest - lengths[:, None]  # (B, T)


def _keys(real):
    return real[:, None, None]  # (B, 1, 1, T)


@exercise(
    form=_boolean,
    praise="each query sees itself and what came before, and never padding.",
    cases=lambda seed: [
        (torch.tensor([4, 2]), 4),
        (torch.tensor([3, 1, 2]), 5),
        (torch.randint(1, 6, (7,), generator=Generator().manual_seed(seed)), 6),
        case(torch.tensor([3]), 3, edge="a batch of one text without padding"),
    ],
    wrong={
        "the mask is inverted: True must mean may attend (PyTorch's nn.MultiheadAttention means the reverse).": {"end": torch.logical_not},
        "this is for padding on the right: here it is on the left, the first longest - length positions.": {
            "real": lambda n, longest: torch.arange(longest) < n[:, None]
        },
        "each query sees what comes after it: `tril` keeps what comes before, `triu` what comes after.": {"past": lambda longest: _triangle(longest).mT},
        "no query sees itself: the diagonal is allowed.": {"past": lambda longest: _triangle(longest).tril(-1)},
        "each query sees one token of the future: tril without a shift ends at the diagonal.": {
            "past": lambda longest: torch.ones(longest, longest, dtype=torch.bool).tril(1)
        },
        "padding can still be seen: the keys in the first longest - length positions are forbidden.": {
            "real": lambda n, longest: torch.ones(len(n), longest, dtype=torch.bool)
        },
        "one mask for all: padding differs from text to text.": lambda n, longest: _triangle(longest),
        "later tokens can still be seen: join the causal mask with &.": {"past": lambda longest: torch.ones(longest, longest, dtype=torch.bool)},
        "`|` allows what either mask allows: both must allow it, `&`.": {"join": torch.logical_or},
        "`^` allows what exactly one of the masks allows: both must allow it, `&`.": {"join": torch.logical_xor},
        "you forbid the padding *queries*, the rows: forbid the padding *keys*, the columns.": {"axes": lambda real: real[:, None, :, None]},
        "one key of padding can be seen: the first real position is longest - length, counted from 0.": {"real": lambda n, longest: _real(n + 1, longest)},
        "the first real key is forbidden: a key is real where its position >= longest - length.": {"real": lambda n, longest: _real(n - 1, longest)},
        "padding queries see themselves: their rows must be False throughout.": {"end": lambda mask: mask | torch.eye(mask.shape[-1], dtype=torch.bool)},
        "right, but without the axis of heads: (B, 1, T, T) is wanted.": {"end": lambda mask: mask[:, 0]},
        "right, but the axis of heads comes second: (B, 1, T, T).": {"end": lambda mask: mask.transpose(0, 1)},
        "this is (B, 1, 1, T), the same for each query: join the causal mask, (T, T), with &.": {"join": lambda real, past: real},
    },
)
def batch_mask(
    lengths,
    longest,
    *,
    real=_real,
    past=_triangle,
    axes=_keys,
    join=torch.logical_and,
    end=lambda mask: mask,
):
    """True where a query may look: (B, 1, T, T), causal, padding on the left."""
    return end(join(axes(real(lengths, longest)), past(longest)))


def _exponents(d):
    return 2 * torch.arange(d // 2, dtype=torch.float64) / d


def _waves(length, d_model, exponents, base=10_000.0, first=0, unit=1.0):
    angles = torch.arange(first, first + length)[:, None] * base**-exponents * unit
    return angles.sin(), angles.cos()


def _turned(a, b, cos, sin):
    return a * cos - b * sin, b * cos + a * sin


def _neighbours(x):
    halves = rotate.right(torch.cat([x[..., ::2], x[..., 1::2]], dim=-1))
    return torch.stack(halves.chunk(2, dim=-1), dim=-1).flatten(-2)


def _overwritten(a, b, cos, sin):
    a = a * cos - b * sin
    return a, b * cos + a * sin


@exercise(
    praise="norms stay, directions turn with the position.",
    cases=lambda seed: [
        (torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]]),),
        (_random(seed, 7, 10),),
        case(_random(seed, 2, 3, 5, 6), edge="a batch and heads in front"),
        case(_random(seed, 1, 4), edge="a single position"),
    ],
    wrong={
        "a true rotation, of neighbours (2i, 2i + 1), as in the paper: here a pair is i and i + D/2, as in Llama.": _neighbours,
        "this rotates in the opposite direction: a cos - b sin, and b cos + a sin.": {"turn": lambda a, b, cos, sin: (a * cos + b * sin, b * cos - a * sin)},
        "two plus signs are no rotation: a cos - b sin, and b cos + a sin.": {"turn": lambda a, b, cos, sin: (a * cos + b * sin, b * cos + a * sin)},
        "two minus signs are no rotation: a cos - b sin, and b cos + a sin.": {"turn": lambda a, b, cos, sin: (a * cos - b * sin, b * cos - a * sin)},
        "sine and cosine are swapped: a cos - b sin, and b cos + a sin.": {"turn": lambda a, b, cos, sin: _turned(a, b, sin, cos)},
        "the second half is made from the new first half: keep the old one until both are computed.": {"turn": _overwritten},
        "the halves are swapped in the result: the first half first.": {"turn": lambda a, b, cos, sin: _turned(a, b, cos, sin)[::-1]},
        "the two halves alternate in the result: join them one after the other, as they were cut.": {
            "join": lambda halves: torch.stack(halves, dim=-1).flatten(-2)
        },
        "only the first half is there: the second is b cos + a sin.": {"join": lambda halves: halves[0]},
        "the second half is not rotated: it becomes b cos + a sin.": {"turn": lambda a, b, cos, sin: (a * cos - b * sin, b)},
        "only the cosines are there: the sines mix the two halves, a cos - b sin, and b cos + a sin.": {"turn": lambda a, b, cos, sin: (a * cos, b * cos)},
        "the exponent is off by a factor 2: pair i has 2i / D.": {"exponents": lambda d: _exponents(d) / 2},
        "the exponent is twice too large: pair i has 2i / D, and D is the whole width.": {"exponents": lambda d: 2 * _exponents(d)},
        "all pairs rotate equally fast: pair i rotates by p / 10000^(2i / D).": {"exponents": lambda d: 0 * _exponents(d)},
        "you multiply by 10000^(2i / D): divide the position by it.": [
            {"exponents": lambda d: -_exponents(d)},
            {"exponents": lambda d: -_exponents(d).float()},
        ],
        "the base of the frequencies is 10,000.": [{"base": base} for base in (1_000.0, 100_000.0, 500_000.0, 10.0)],
        "positions count from 0: the first vector stays as it is.": {"first": 1},
        "you convert the angle from degrees into radians: it is in radians already.": {"unit": math.pi / 180},
        "you convert the angle into degrees: sin and cos take radians.": {"unit": 180 / math.pi},
        "this adds sines and cosines to x: rotate x instead.": {"turn": lambda a, b, cos, sin: (a + sin, b + cos)},
        "the position runs along the axis before the last, not along the first.": lambda x: rotate.right(x.transpose(0, -2)).transpose(0, -2),
        "the position runs along the axis before the last, not along the second.": lambda x: rotate.right(x.transpose(1, -2)).transpose(1, -2),
        "nothing is rotated: rotate each pair by the angle of its position.": lambda x: x,
    },
)
def rotate(
    x,
    *,
    exponents=_exponents,
    base=10_000.0,
    first=0,
    unit=1.0,
    turn=_turned,
    join=lambda halves: torch.cat(halves, dim=-1),
):
    """Queries or keys, turned by their positions: pairs i and i + D/2."""
    length, width = x.shape[-2:]
    sin, cos = _waves(length, width, exponents(width), base, first, unit)
    return join(turn(*x.double().chunk(2, dim=-1), cos, sin)).float()


WIDTH, BACK = 16, 3


def _looks(design):
    """From two matrices to where each query looks: the position with most weight, in words where that is below 90%."""

    def looked_at(length):
        matrices = design()
        try:
            w_q, w_k = (torch.as_tensor(matrix).detach().float() for matrix in matrices)
        except (TypeError, ValueError):
            raise Mistake("two matrices are expected: W_Q and W_K.") from None
        for name, matrix in (("W_Q", w_q), ("W_K", w_k)):
            if matrix.shape != (WIDTH, WIDTH):
                raise Mistake(f"{name} is a {WIDTH} × {WIDTH} matrix, but yours has the shape {tuple(matrix.shape)}.")
            if not matrix.isfinite().all():
                raise Mistake(f"{name} holds an infinite number or NaN.")
        x = positions.sinusoidal(length, WIDTH)
        scores = x @ w_q @ (x @ w_k).mT / math.sqrt(WIDTH)
        weights = scores.masked_fill(~_triangle(length), -math.inf).softmax(-1)
        best = weights[BACK:].max(dim=-1)
        found = zip(best.values.tolist(), best.indices.tolist(), strict=True)
        return [position if weight >= 0.9 else f"{position}, below 90%" for weight, position in found]

    return looked_at


def _turn_by(steps, scale):
    """A matrix that turns each hand of a row of sinusoidal positions by so many steps, and makes it longer."""
    angles = steps / 10_000.0 ** _exponents(WIDTH)
    matrix = torch.zeros(WIDTH, WIDTH)
    for pair, angle in enumerate(angles.tolist()):
        cos, sin, i = math.cos(angle), math.sin(angle), 2 * pair
        matrix[i : i + 2, i : i + 2] = torch.tensor([[cos, -sin], [sin, cos]])
    return scale * matrix


@exercise(
    kind="design",
    through=_looks,
    praise="every hand of the clock turned back three steps: the head looks three back on texts of any length.",
    cases=lambda seed: [(9,), (16,), case(40, edge="a text longer than the one you tried")],
    wrong={
        "the head looks at the token itself: turn each hand of the queries back by three steps, and leave the keys.": {"back": 0},
        "the head looks for the token three positions *later*, which the mask hides: turn the hands the other way.": {"back": -3},
        "the head looks two back: each hand has to turn by three steps.": {"back": 2},
        "the head looks one back: each hand has to turn by three steps.": {"back": 1},
        "the head looks four back: each hand has to turn by three steps.": {"back": 4},
        "the weights are too even: a key must get at least 90%. Make the scores larger.": [{"scale": scale} for scale in (1.0, 20.0)],
    },
)
def look_back(*, back=3, scale=40.0):
    """W_Q and W_K, (16, 16) each: with sinusoidal positions as inputs, each query looks at the key three before it."""
    return _turn_by(-back, scale), torch.eye(WIDTH)


def _stored_lengths():
    rows = files.load_results("beyond_length")["rows"]
    worst: dict[str, float] = {}
    for row in rows:
        if row["d_model"] <= 32:
            name = f"{row['kind']} positions, width {row['d_model']}"
            worst[name] = min(row["32 to 63"][0], worst.get(name, 1.0))
    return list(worst.items())


@experiment(
    goal=0.99,
    unit="accuracy at the positions 32 to 63, the worst of three seeds",
    lower_is_better=False,
    stored=_stored_lengths,
    advice={
        "positions for which only the distance between two tokens counts.": lambda choice: choice["kind"] != "rotary",
        "a window that reaches the token asked for: the query itself counts, too.": lambda choice: choice["window"] is not None and choice["window"] < 4,
        "a window: beyond the trained length, keys at distances never seen in training compete for the weight.": lambda choice: choice["window"] is None,
        "a window no larger than the text in training.": lambda choice: choice["window"] is not None and choice["window"] > 16,
        "more steps.": lambda choice: choice["steps"] < 100,
        "more width.": lambda choice: True,
    },
    wrong={
        "positions for which only the distance between two tokens counts.": lambda: _choice(kind="sinusoidal"),
        "a window: beyond the trained length": lambda: _choice(window=None),
        "a window that reaches the token asked for": lambda: _choice(window=3),
        "more steps.": lambda: _choice(steps=5),
        "kind is one of none, sinusoidal, learned, rotary, but yours is 'rotory'.": lambda: _choice(kind="rotory"),
        "the window is None or a whole number from 1 to 64, but yours is 0.": lambda: _choice(window=0),
        "d_model is an even number from 2 to 32, but yours is 64.": lambda: _choice(d_model=64),
        "steps is a whole number from 1 to 300, but yours is 3000.": lambda: _choice(steps=3000),
        "a dictionary with kind, window, d_model, steps is expected": lambda: {"kind": "rotary"},
    },
)
def beyond_trained_length(choice, seed):
    """Positions, window, width and steps of a head that is trained on 16 tokens and asked on 64."""
    if not isinstance(choice, dict) or set(choice) != {"kind", "window", "d_model", "steps"}:
        raise Mistake("a dictionary with kind, window, d_model, steps is expected, and nothing else.")
    kind, window, d_model, steps = (choice[name] for name in ("kind", "window", "d_model", "steps"))
    if kind not in beyond_length.KINDS:
        raise Mistake(f"kind is one of {', '.join(beyond_length.KINDS)}, but yours is {kind!r}.")
    if window is not None and window not in range(1, 65):
        raise Mistake(f"the window is None or a whole number from 1 to 64, but yours is {window}.")
    if d_model not in range(2, 33, 2):
        raise Mistake(f"d_model is an even number from 2 to 32, but yours is {d_model}.")
    if steps not in range(1, 301):
        raise Mistake(f"steps is a whole number from 1 to 300, but yours is {steps}.")
    rows = [beyond_length.row(kind, window, int(d_model), int(steps), other) for other in beyond_length.SEEDS]
    return min(row["32 to 63"][0] for row in rows)


def _choice(kind="rotary", window=8, d_model=32, steps=300):
    return {"kind": kind, "window": window, "d_model": d_model, "steps": steps}
