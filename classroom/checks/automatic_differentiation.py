"""Exercises of the notebook automatic_differentiation."""

import torch
from course_lib import files
from experiments.tables import bigram_descent
from torch import Generator
from torch.nn import functional as F

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = ["cross_entropy_gradient", "exclusive_or", "gradients", "linear_backward", "nearer_to_counting", "trained"]


def _random(seed, *shape):
    return torch.randn(shape, generator=Generator().manual_seed(seed))


def _labels(targets, p):
    return F.one_hot(targets, p.shape[-1])


def _examples(seed, n, columns):
    targets = torch.randint(columns, (n,), generator=Generator().manual_seed(seed))
    return 2 * _random(seed + n, n, columns), targets


@exercise(
    praise="p - y, divided by the number of examples.",
    cases=lambda seed: [
        (torch.zeros(2, 2), torch.tensor([1, 0])),
        *(_examples(seed, n, columns) for n, columns in ((7, 5), (11, 5), (3, 7))),
        (_random(seed, 2, 3), torch.tensor([1, 0])),
        case(torch.zeros(1, 3), torch.tensor([1]), edge="a single example"),
        case(2 * _random(seed + 1, 1, 5), torch.tensor([3]), edge="a single example"),
        case(_random(seed, 5, 3), torch.tensor([2, 2, 2, 2, 2]), edge="examples with the same target"),
    ],
    wrong={
        "right for one example: the loss is a mean, so divide by the number of examples.": {"count": lambda p: 1},
        "you divide by the number of columns too: only by the number of examples.": {"count": lambda p: p.numel()},
        "you divide by the number of columns: the examples are the rows.": {"count": lambda p: p.shape[-1]},
        "you divide by N - 1: the mean is over N examples.": {"count": lambda p: max(len(p) - 1, 1)},
        "you divide by N twice: p - y, divided by N once.": {"count": lambda p: len(p) ** 2},
        "the sign is reversed: p - y, since a higher target logit lowers the loss.": {"difference": lambda p, y: y - p},
        "the sign is reversed (p - y), and the mean over rows is missing.": {
            "difference": lambda p, y: y - p,
            "count": lambda p: 1,
        },
        "these are the probabilities: subtract 1 at each target, and divide by the number of rows.": {
            "labels": lambda y, p: 0,
            "count": lambda p: 1,
        },
        "the targets are missing: subtract 1 at each target before you divide.": {"labels": lambda y, p: 0},
        "a target is the number of a column: subtract 1 there, not y.": {"labels": lambda y, p: y[:, None]},
        "subtract 1 in the target's column only, not in every column.": {"labels": lambda y, p: 1},
        "p[:, targets] is the same columns in every row: take p[torch.arange(N), targets].": {"labels": lambda y, p: _labels(y, p).amax(0)},
        "1 is subtracted one column beside the target: columns are numbered from 0.": [
            {"labels": lambda y, p: _labels(y, p).roll(-1, 1)},
            {"labels": lambda y, p: _labels(y, p).roll(1, 1)},
        ],
        "you add y: the gradient is p - y.": {"difference": lambda p, y: p + y},
        "the absolute value loses the sign: p - y is negative at the target.": {"difference": lambda p, y: (p - y).abs()},
        "this is the squared difference: the gradient is p - y itself.": {"difference": lambda p, y: (p - y) ** 2},
        "the factor 2 belongs to a squared error: of the cross-entropy, p - y.": {"difference": lambda p, y: 2 * (p - y)},
        "this is the gradient of a squared error: of the cross-entropy, p - y alone is left.": [
            {"difference": lambda p, y: (p - y) * p * (1 - p)},
            {"difference": lambda p, y: 2 * (p - y) * p * (1 - p)},
        ],
        "p (1 - p) is the derivative of a probability: of the cross-entropy, p - y is left.": {"difference": lambda p, y: p * (1 - p)},
        "the other logits have a gradient too: p, their share.": {"difference": lambda p, y: (p - 1) * y},
        "the target's column is p - 1: yours is 0 there.": {"difference": lambda p, y: p * (1 - y)},
        "this is the gradient with respect to the probabilities: with respect to the logits it is p - y.": {"difference": lambda p, y: -y / p},
        "the softmax is missing: p - y, not logits - y.": {"probabilities": lambda z: z},
        "these are log-probabilities: the gradient is p - y, without a logarithm.": {"probabilities": lambda z: z.log_softmax(-1)},
        "this is the sigmoid of each logit: the probabilities of a row come from its softmax.": {"probabilities": torch.sigmoid},
        "your softmax runs over the examples (dim=0): rows must sum to 1 (dim=-1).": {"probabilities": lambda z: z.softmax(0)},
        "divide all by N, p as well: (p - y) / N.": {
            "difference": lambda p, y: p - y / len(p),
            "count": lambda p: 1,
        },
        "divide all by N, y as well: (p - y) / N.": {
            "difference": lambda p, y: p / len(p) - y,
            "count": lambda p: 1,
        },
        "the gradient has a row for each example: do not add or average the rows.": [
            {"end": lambda table: table.sum(0)},
            {"end": lambda table: table.sum(0), "count": lambda p: 1},
        ],
        "this is the loss itself: its gradient is wanted, one number for each logit.": [
            F.cross_entropy,
            lambda z, y: F.cross_entropy(z, y, reduction="sum"),
        ],
        "this is the cross-entropy of each logit: its gradient is p - y.": {"difference": lambda p, y: -y * p.log()},
    },
)
def cross_entropy_gradient(
    logits,
    targets,
    *,
    probabilities=lambda z: z.softmax(-1),
    labels=_labels,
    difference=lambda p, y: p - y,
    count=len,
    end=lambda table: table,
):
    """The derivative of the mean cross-entropy with respect to each logit."""
    p = probabilities(logits)
    return end(difference(p, labels(targets, p)) / count(p))


def _at_each_visit(tape):
    result = [0.0] * (len(tape) - 1) + [1.0]

    def visit(place):
        for source, slope in tape[place]:
            result[source] += result[place] * slope
            visit(source)

    visit(len(tape) - 1)
    return result


def _until_an_input(places, tape):
    for place in reversed(places):
        if not tape[place]:
            return
        yield place


def _of_the_first(tape):
    """Forward: the derivative of each value with respect to the first."""
    result = [1.0]
    for pairs in tape[1:]:
        result.append(sum(slope * result[source] for source, slope in pairs))
    return result


def _tapes(seed):
    numbers = _random(seed, 7).double()
    a, b, c, d, e, f, g = (numbers + numbers.sign()).tolist()
    return [
        ([[], [(0, a)], [(1, b)], [(2, c)]],),
        ([[], [(0, a), (0, b)], [(1, c), (0, d)], [(2, e), (1, f), (1, g)]],),
        ([[], [], [(1, a)], [(0, b), (2, c)], [(2, d), (3, e)], [(4, f), (3, g)]],),
    ]


@exercise(
    praise="a value that is used twice gets the sum over both ways.",
    cases=lambda seed: [
        ([[], [], [(0, 3.0), (1, 2.0)]],),
        ([[], [], [(0, 3.0), (1, 2.0)], [(2, 1.0), (0, 1.0)], [(3, 16.0)]],),
        *_tapes(seed),
        case([[], [(0, 2.0)], [], [(1, 5.0), (2, 3.0)]], edge="an input between other values"),
        case([[], [(0, 3.0), (0, 3.0)], [(1, 2.0)]], edge="a step that uses the same value twice, x · x"),
        case([[], [], [(1, 2.0)]], edge="a value that nothing uses"),
        case([[]], edge="a tape of one value"),
    ],
    wrong={
        "a value used twice has the gradient of one use: add, with `+=`.": {"add": lambda old, above, slope: above * slope},
        "a step can use the same value twice (x · x): handle each pair, without a dictionary or a set.": [
            {"pairs": lambda pairs: dict(pairs).items()},
            {"pairs": lambda pairs: sorted(set(pairs))},
        ],
        "only the first pair of each value is handled: go through all of them.": {"pairs": lambda pairs: pairs[:1]},
        "only the last pair of each value is handled: go through all of them.": {"pairs": lambda pairs: pairs[-1:]},
        "only the last step is passed on: go through the tape from its last value to its first.": {"order": lambda places, tape: places},
        "you stop at the first input you meet: others may stand before it. Go on to the beginning of the tape.": {"order": _until_an_input},
        "nothing is passed on from the last value: begin with it, and add to its sources.": {"pairs": lambda pairs: []},
        "only the last value begins at 1; the others at 0.": {"first": 1.0},
        "all stays 0: the last value's own gradient is 1.": {"last": 0.0},
        "the last value's own gradient is 1: yours is 0 in the result.": {"end": lambda result: [*result[:-1], 0.0]},
        "the slopes alone are added up: multiply each by the gradient of the value that uses it.": {"add": lambda old, above, slope: old + slope},
        "the slopes are missing: multiply by them on the way back.": {"add": lambda old, above, slope: old + above},
        "the chain rule multiplies gradient and slope; you add.": {"add": lambda old, above, slope: old + above + slope},
        "you multiply what comes over several ways: multiply along one way, add over the ways.": {
            "add": lambda old, above, slope: old * above * slope,
            "first": 1.0,
        },
        "the sign is reversed: add slope times gradient.": {"add": lambda old, above, slope: old - above * slope},
        "you divide by the slope: multiply by it.": {"add": lambda old, above, slope: old + above / slope},
        "the gradient is averaged over the uses: add them up.": {"add": lambda old, above, slope: (old + above * slope) / 2 if old else above * slope},
        "some count double: pass each gradient on once, when it is complete (from the end).": _at_each_visit,
        "the right numbers in reversed order: the gradient of tape[0] stands first.": {"end": lambda result: result[::-1]},
        "these are the derivatives of all values with respect to the first one: those of the last value are wanted, so go back from the end.": _of_the_first,
        "the last value belongs to the result, with the gradient 1.": {"end": lambda result: result[:-1]},
        "this is the gradient of the first value alone: return the list of all.": {"end": lambda result: result[0]},
    },
)
def gradients(
    tape,
    *,
    first=0.0,
    last=1.0,
    order=lambda places, tape: reversed(places),
    pairs=lambda pairs: pairs,
    add=lambda old, above, slope: old + above * slope,
    end=lambda result: result,
):
    """The derivative of the last value of a tape with respect to each of its values."""
    result = [first] * (len(tape) - 1) + [last]
    for place in order(range(len(tape)), tape):
        for source, slope in pairs(tape[place]):
            result[source] = add(result[source], result[place], slope)
    return end(result)


def _layer(seed, examples, inputs, outputs):
    """The inputs of a layer, its weights, and the gradient of its outputs."""
    return _random(seed, examples, inputs), _random(seed + 1, inputs, outputs), _random(seed + 2, examples, outputs)


@exercise(
    praise="each gradient has the shape of the matrix that it belongs to.",
    cases=lambda seed: [
        (torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [4.0]]), torch.tensor([[10.0]])),
        _layer(seed, 5, 3, 2),
        _layer(seed + 3, 2, 4, 7),
        _layer(seed + 6, 4, 4, 4),
        case(*_layer(seed + 9, 1, 3, 5), edge="a single example"),
        case(*_layer(seed + 12, 6, 3, 1), edge="a single output"),
    ],
    wrong={
        "the first gradient needs the weights: dz @ w.T.": {"of_x": lambda x, w, dz: dz @ torch.ones_like(w).T},
        "the second gradient needs the inputs: x.T @ dz.": {"of_w": lambda x, w, dz: torch.ones_like(x).T @ dz},
        "the second gradient is a sum over the examples, and yours is their mean.": {"of_w": lambda x, w, dz: x.T @ dz / len(x)},
        "the third gradient is a sum over the examples, and yours is their mean.": {"of_b": lambda x, w, dz: dz.mean(0)},
        "the second gradient has the shape of w, but yours is transposed.": {"of_w": lambda x, w, dz: dz.T @ x},
        "the first gradient has the shape of x, but yours is transposed.": {"of_x": lambda x, w, dz: w @ dz.T},
        "the third gradient is one number per output: sum dz over the examples (dim=0).": {"of_b": lambda x, w, dz: dz.sum(1)},
        "the third gradient is one number per output, and yours has a row per example: sum over the examples.": {"of_b": lambda x, w, dz: dz},
        "the third gradient does not depend on x: z grows with b by 1, so sum dz alone.": {"of_b": lambda x, w, dz: (x.sum(1, keepdim=True) * dz).sum(0)},
        "the sign is reversed in all three.": {
            "of_x": lambda x, w, dz: -dz @ w.T,
            "of_w": lambda x, w, dz: -x.T @ dz,
            "of_b": lambda x, w, dz: -dz.sum(0),
        },
        "the gradients of x and of w are swapped: return those of x, w and b.": {"order": (1, 0, 2)},
        "three gradients are wanted: those of x, w and b.": {"order": (0, 1)},
    },
)
def linear_backward(
    x,
    w,
    dz,
    *,
    of_x=lambda x, w, dz: dz @ w.T,
    of_w=lambda x, w, dz: x.T @ dz,
    of_b=lambda x, w, dz: dz.sum(0),
    order=(0, 1, 2),
):
    """The gradients of x, w and b, where z = x @ w + b and dz is the gradient of z."""
    found = (of_x(x, w, dz), of_w(x, w, dz), of_b(x, w, dz))
    return tuple(found[place] for place in order)


def _accumulating(targets, rate, steps):
    """The loop as the reader finds it."""
    w, gradient, path = 0.0, 0.0, []
    for _ in range(steps):
        for target in targets:
            gradient += 2 * (w - target) / len(targets)
        w = w - rate * gradient
        path.append(w)
    return path


def _by_example(targets, rate, steps):
    """A step after each example instead of one after all."""
    w, path = 0.0, []
    for _ in range(steps):
        for target in targets:
            w = w - rate * 2 * (w - target) / len(targets)
        path.append(w)
    return path


def _numbers(seed, n):
    return (3 * _random(seed, n).double() + 2).tolist()


@exercise(
    kind="debug",
    found=_accumulating,
    praise="with a fresh gradient at each step, w goes to the mean of the targets and stays there.",
    cases=lambda seed: [
        ([1.0, 3.0], 0.25, 4),
        (_numbers(seed, 5), 0.1, 6),
        (_numbers(seed + 1, 3), 0.3, 5),
        (_numbers(seed + 2, 4), 0.7, 3),
        case([5.0], 0.1, 3, edge="a single target"),
        case(_numbers(seed + 3, 7), 0.2, 1, edge="a single step"),
    ],
    wrong={
        "the gradient starts at zero before each target, so only the last target counts: it must start at zero before each step.": {
            "gradient": lambda w, targets: 2 * (w - targets[-1]) / len(targets)
        },
        "the loss is a mean: divide the sum of the derivatives by the number of targets.": {"gradient": lambda w, targets: sum(2 * (w - t) for t in targets)},
        "the derivative of (w - t)² is 2 (w - t): the factor 2 is missing.": {"gradient": lambda w, targets: sum(w - t for t in targets) / len(targets)},
        "the sign is reversed: w moves away from the targets.": {"step": lambda w, rate, gradient: w + rate * gradient},
        "the learning rate plays no part.": {"step": lambda w, rate, gradient: w - gradient},
        "w takes a step after each target: add up the derivatives of all targets first.": _by_example,
        "the path is all of w's values, one after each step, and yours is the last one alone.": {"end": lambda path: path[-1]},
        "the path begins with the value after the first step: leave the start out.": {"end": lambda path: [0.0, *path]},
    },
)
def trained(
    targets,
    rate,
    steps,
    *,
    gradient=lambda w, targets: sum(2 * (w - t) / len(targets) for t in targets),
    step=lambda w, rate, gradient: w - rate * gradient,
    end=lambda path: path,
):
    """The values of w after each step of gradient descent on the mean of (w - target)²."""
    w, path = 0.0, []
    for _ in range(steps):
        w = step(w, rate, gradient(w, targets))
        path.append(w)
    return end(path)


POINTS = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


def _decided(answer):
    """What the network with these weights decides at the four points: 1 above zero, 0 below, "undecided" near it."""

    def decide(margin):
        found = answer()
        if not isinstance(found, tuple | list) or len(found) != 2:
            raise Mistake("return two things: the weights of the hidden units, and those of the output.")
        hidden, output = (torch.as_tensor(part, dtype=torch.float32) for part in found)
        if hidden.shape != (2, 3) or output.shape != (3,):
            raise Mistake(f"the shapes (2, 3) and (3,) are expected, but yours are {tuple(hidden.shape)} and {tuple(output.shape)}.")
        units = torch.tanh(POINTS @ hidden[:, :2].T + hidden[:, 2])
        z = units @ output[:2] + output[2]
        return [int(value > 0) if abs(value) >= margin else "undecided" for value in z.tolist()]

    return decide


_HIDDEN = ((10.0, 10.0, -5.0), (10.0, 10.0, -15.0))


@exercise(
    kind="design",
    through=_decided,
    praise="one unit says *or*, the other *and*; the output says *or, but not and*.",
    cases=lambda seed: [(0.5,)],
    wrong={
        "all four outputs are near zero: the network decides nothing.": {"output": (0.0, 0.0, 0.0)},
        "this is *or*: at (1, 1) the output must be negative.": {"output": (1.0, 0.0, 0.0)},
        "this is *and*: at (0, 1) and (1, 0) the output must be positive.": {"output": (0.0, 1.0, 0.0)},
        "every sign is reversed: positive where exactly one input is 1.": {"output": (-1.0, 1.0, 1.0)},
        "at (0, 0) the output is positive too: *not and* alone is not enough.": {"output": (0.0, -1.0, 0.0)},
        "this is *neither*: positive at (0, 0) alone.": {"output": (-1.0, 0.0, 0.0)},
    },
)
def exclusive_or(*, hidden=_HIDDEN, output=(1.0, -1.0, -1.0)):
    """The weights (w1, w2, b) of two tanh units, and the weights (v1, v2, c) of the output."""
    return hidden, output


def _stored():
    rows = files.load_results("bigram_descent")["rows"]
    return [(f"rate {row['rate']:g}, momentum {row['momentum']:g}, start {row['start']}", row["gap"][0]) for row in rows]


CHOICE = {"rate": 90.0, "momentum": 0.9, "start": "letters"}


@experiment(
    goal=0.0027,
    unit="nats per letter above counting, on average over three stretches of text",
    stored=_stored,
    advice={
        "momentum: what one step gained, the next can build on.": lambda choice: choice["momentum"] < 0.8,
        "a lower rate or less momentum: the steps overshoot.": lambda choice: choice["rate"] > 105 or choice["momentum"] > 0.95,
        "the better of the two starts.": lambda choice: choice["start"] == "zeros",
        "a higher rate: with so small a gradient, a step can be long.": lambda choice: choice["rate"] < 70,
        "another rate and momentum nearby.": lambda choice: True,
    },
    wrong={
        "momentum: what one step gained": lambda: CHOICE | {"momentum": 0.0},
        "a lower rate or less momentum": lambda: CHOICE | {"rate": 400.0},
        "the better of the two starts": lambda: CHOICE | {"start": "zeros"},
        "a higher rate": lambda: CHOICE | {"rate": 3.0},
        "another rate and momentum nearby": lambda: CHOICE | {"momentum": 0.82, "rate": 75.0},
        "rate is a number from 0 to 1000, but yours is -1.": lambda: CHOICE | {"rate": -1},
        "momentum is a number from 0 to 0.99, but yours is 1.": lambda: CHOICE | {"momentum": 1},
        "start is zeros or letters, but yours is 'random'.": lambda: CHOICE | {"start": "random"},
        "a dictionary with rate, momentum, start": lambda: {"rate": 30.0},
    },
)
def nearer_to_counting(choice, seed):
    """By how much 60 steps with these settings stay above the loss of the counted tables."""
    if not isinstance(choice, dict) or set(choice) != set(CHOICE):
        raise Mistake(f"a dictionary with {', '.join(CHOICE)} is expected, and nothing else.")
    for name, high in (("rate", 1000), ("momentum", 0.99)):
        if not isinstance(choice[name], int | float) or not 0 <= choice[name] <= high:
            raise Mistake(f"{name} is a number from 0 to {high}, but yours is {choice[name]}.")
    if choice["start"] not in bigram_descent.STARTS:
        raise Mistake(f"start is zeros or letters, but yours is {choice['start']!r}.")
    found = bigram_descent.gaps(**choice)
    return sum(found) / len(found)
