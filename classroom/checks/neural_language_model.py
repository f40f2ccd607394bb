"""Checks of the notebook neural_language_model."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from classroom.checks import Mistake, compare, exercise
from classroom.checks.forms import as_list

__all__ = ["adam_step", "context_windows", "cross_entropy_gradient", "gradients", "initial_weights", "softmax"]


def _random(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed))


def _tensors(answer: Any) -> Any:
    """The answer with its list of tensors made a tuple, and a word on pairs, lists, arrays and decimals of tokens."""
    if not callable(answer):
        return answer

    def wrapped(*inputs: Any) -> Any:
        result = answer(*inputs)
        if not isinstance(result, list | tuple):
            return result
        if len(result) > 2 and isinstance(result[0], tuple):
            raise Mistake("this is a list of pairs: return one tensor of contexts, and one of targets.")
        if any(not isinstance(part, Tensor) for part in result):
            raise Mistake("tensors are expected: torch.stack or torch.tensor makes one of a list.")
        if not inputs[0].is_floating_point() and any(part.is_floating_point() for part in result):
            raise Mistake("the tokens have become decimals: keep whole numbers (dtype=torch.long).")
        return tuple(result)

    return wrapped


@exercise
def softmax(answer: Any, seed: int) -> str:
    """softmax(logits) over the last axis, also of large logits."""

    def over(axes: tuple[int, ...], less: Callable[[Tensor], Any] = lambda logits: 0) -> Callable[[Tensor], Tensor]:
        return lambda z: (z - less(z)).exp() / (z - less(z)).exp().sum(axes, keepdim=True)

    mistakes = [
        (over((-1,)), "right for small logits, but exp(1000) is infinite: subtract each row's largest logit first."),
        (over((-1,), torch.max), "rows far below the table's largest logit become 0 / 0: subtract each row's own."),
        (over((-1,), lambda z: z.mean(-1, True)), "a logit far above the mean still overflows: subtract the largest."),
        (over((-1,), lambda z: z.amin(-1, True)), "subtract the largest logit, not the least: that overflows."),
        (lambda z: (z - z.amax(-1, True)).exp(), "the division by the sum of each row is missing."),
        (lambda z: (z - z.amax(-1, True)).softmax(-1) * z.shape[-1], "divide by the sum of each row, not by its mean."),
        (lambda z: z / z.sum(-1, keepdim=True), "the exponential is missing: exp first, then divide by the sum."),
        (torch.sigmoid, "this is the sigmoid of each logit: a row must sum to 1."),
        (lambda z: z.log_softmax(-1), "these are the logarithms of the probabilities: leave the log away."),
        (lambda z: (-z).softmax(-1), "the sign is turned round: the largest logit must win."),
    ]  # fmt: skip
    for axes, words in (((0,), "the first axis (dim=0)"), ((1,), "dim=1"), ((), "the whole table")):
        words = f"the sum runs over {words}: each row of the last axis (dim=-1) must sum to 1."
        mistakes += [(over(axes), words), (over(axes, lambda z, axes=axes: z.amax(axes, True)), words)]
        mistakes += [(over(axes, lambda z: z.amax(-1, True)), words), (over(axes, torch.max), words)]
    large = torch.tensor([[1000.0, 1000.0, 999.0], [0.0, 1.0, -2.0], [-1000.0, -1001.0, -1002.0]])
    wide = torch.tensor([[1000.0, 0.0, -1000.0, 1000.0]])
    cases = [(logits,) for logits in (_random(seed, 3, 5), _random(seed + 1, 2, 4, 3), large, wide, _random(seed, 7))]
    compare(answer, lambda logits: logits.softmax(-1), cases, mistakes)
    return "each row sums to 1, and logits of 1000 do no harm."


@exercise
def cross_entropy_gradient(answer: Any, seed: int) -> str:
    """cross_entropy_gradient(logits, targets): of the mean cross-entropy, with respect to the logits."""

    def gradient(z: Tensor, y: Tensor, axis: int = -1) -> Tensor:
        return (z.softmax(axis) - F.one_hot(y, z.shape[-1])) / len(y)

    def plainly(z: Tensor, y: Tensor) -> Any:
        """The answer, which may ask autograd: without what that leaves on its input and its result."""
        given = z.clone()
        result = answer(given, y)
        z.copy_(given.detach())
        return result.detach() if isinstance(result, Tensor) else result

    def at_targets(z: Tensor, y: Tensor, value: Callable[[Tensor], Tensor]) -> Tensor:
        return value(z.softmax(-1)) * F.one_hot(y, z.shape[-1]) / len(y)

    mistakes = [
        (lambda z, y: gradient(z, y) * len(y), "right for one example: of the mean, divide by the number of examples."),
        (lambda z, y: gradient(z, y) / z.shape[-1], "you divide by the columns too: only by the number of examples."),
        (lambda z, y: gradient(z, y) * len(y) / z.shape[-1], "you divide by the columns: the examples are the rows."),
        (lambda z, y: -gradient(z, y), "the sign is turned round: p - y, as a higher target logit lowers the loss."),
        (lambda z, y: -gradient(z, y) * len(y), "the sign is turned round (p - y), and the mean over rows is missing."),
        (lambda z, y: z.softmax(-1), "these are the probabilities: subtract 1 at each target, and divide by the rows."),
        (lambda z, y: z.softmax(-1) / len(y), "the targets are missing: subtract 1 at each target before you divide."),
        (lambda z, y: (z.softmax(-1) - y) / len(y), "a target is the number of a column: subtract 1 there, not y."),
        (lambda z, y: (z - F.one_hot(y, z.shape[-1])) / len(y), "the softmax is missing: p - y, not logits - y."),
        (lambda z, y: gradient(z, y, 0), "your softmax runs over the examples (dim=0): rows must sum to 1 (dim=-1)."),
        (lambda z, y: at_targets(z, y, lambda p: -1 / p), "this is with respect to the probabilities, not the logits."),
        (lambda z, y: at_targets(z, y, lambda p: p - 1), "the other logits have a gradient too: p, their share."),
        (lambda z, y: z.softmax(-1) - F.one_hot(y, z.shape[-1]) / len(y), "divide all by N, p as well: (p - y) / N."),
        (lambda z, y: z.softmax(-1) / len(y) - F.one_hot(y, z.shape[-1]), "divide all by N, y as well: (p - y) / N."),
        (lambda z, y: (z.softmax(-1) - F.one_hot(y, z.shape[-1]).amax(0)) / len(y), "p[:, y] is y in every row."),
        (F.cross_entropy, "this is the loss itself: its gradient is wanted, one number for each logit."),
    ]  # fmt: skip
    generator = Generator().manual_seed(seed)
    cases = [(torch.zeros(1, 2), torch.tensor([1])), (torch.zeros(1, 3), torch.tensor([1]))]
    cases += [(2 * _random(seed + n, n, 5), torch.randint(5, (n,), generator=generator)) for n in (1, 7, 11)]
    compare(plainly if callable(answer) else answer, gradient, cases, mistakes)
    return "p - y, divided by the number of examples."


@exercise
def gradients(answer: Any, seed: int) -> str:
    """gradients(tape): the derivative of the last value with respect to each value of the tape."""

    def walk(combine: Callable, order: Callable = reversed, last: float = 1.0, first: float = 0.0) -> Callable[[list], list[float]]:
        def along(tape: list) -> list[float]:
            result = [first] * (len(tape) - 1) + [last]
            for place in order(range(len(tape))):
                for source, slope in tape[place]:
                    result[source] = combine(result[source], result[place], slope)
            return result

        return along

    def at_each_visit(tape: list) -> list[float]:
        result = [0.0] * (len(tape) - 1) + [1.0]

        def visit(place: int) -> None:
            for source, slope in tape[place]:
                result[source] += result[place] * slope
                visit(source)

        visit(len(tape) - 1)
        return result

    right = walk(lambda old, g, s: old + g * s)
    mistakes = [
        (walk(lambda old, g, s: g * s), "a value used twice has the gradient of one use: add, with `+=`."),
        (walk(lambda old, g, s: old + g * s, list), "only the last step is passed on: walk back through all."),
        (walk(lambda old, g, s: old + g * s, first=1.0), "only the last value begins at 1; the others at 0."),
        (walk(lambda old, g, s: g * s, last=0.0), "all stays 0: the last value's own gradient is 1."),
        (walk(lambda old, g, s: old + s), "the slopes are added up alone: each times the gradient above it."),
        (walk(lambda old, g, s: old + g), "the slopes are missing: multiply by them on the way back."),
        (walk(lambda old, g, s: old + g + s), "the chain rule multiplies gradient and slope; you add."),
        (at_each_visit, "some count double: pass each gradient on once, when it is complete (from the end)."),
        (lambda tape: right(tape)[::-1], "the right numbers in reversed order: the gradient of tape[0] stands first."),
    ]  # fmt: skip
    numbers = _random(seed, 7).double()
    a, b, c, d, e, f, g = (numbers + numbers.sign()).tolist()
    cases = [
        ([[], [], [(0, 3.0), (1, 2.0)]],),
        ([[], [(0, a)], [(1, b)], [(2, c)]],),
        ([[], [(0, a), (0, b)], [(1, c), (0, d)], [(2, e), (1, f), (1, g)]],),
        ([[], [], [(1, a)], [(0, b), (2, c)], [(2, d), (3, e)], [(4, f), (3, g)]],),
        ([[], [(0, a)], [], [(1, b), (2, c)]],),
    ]
    compare(as_list(answer), right, cases, mistakes)
    return "a value that is used twice gets the sum over both ways."


@exercise
def initial_weights(answer: Any, seed: int) -> str:
    """initial_weights(fan_in, fan_out): a matrix of mean 0 and variance 1 / fan_in, of any distribution."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        drawn, small = [answer(*sizes) if callable(answer) else answer for sizes in ((400, 97), (2, 30_011))]
    if not isinstance(drawn, Tensor):
        compare(lambda _: drawn, lambda _: torch.zeros(400, 97), [(0,)])
    if drawn.shape == (97, 400):
        raise Mistake("the shape is turned round: fan_in rows and fan_out columns, so that x @ weights works.")
    if drawn.shape != (400, 97) or not drawn.is_floating_point():
        raise Mistake(f"expected decimals of shape (400, 97), but yours are {drawn.dtype}, {tuple(drawn.shape)}.")
    weights = drawn.detach()
    if min(weights[0].std(), weights[:, 0].std()) < 1e-6:
        raise Mistake("whole rows or columns hold one number: units that begin alike stay alike. Draw each at random.")
    if abs(weights.mean()) > 0.1 * weights.std():
        raise Mistake(f"the mean is {weights.mean():.3g}, not 0: torch.randn has it, torch.rand is from 0 to 1.")
    scales = {
        1.0: "the variance is 1: multiply by 1 / sqrt(fan_in).",
        1 / 400: "the standard deviation is 1 / fan_in, as the variance should be: take its square root.",
        400**0.5: "you multiply by sqrt(fan_in): divide by it.",
        97**-0.5: "you divide by sqrt(fan_out): a sum runs over fan_in products.",
        (2 / 400) ** 0.5: "the variance is 2 / fan_in, which is meant for ReLU: 1 / fan_in is wanted here.",
        (2 / 97) ** 0.5: "torch.nn.init takes the columns for fan_in, and 2 for ReLU: the rows, and 1, are wanted.",
        (2 / 497) ** 0.5: "this is Glorot's 2 / (fan_in + fan_out): 1 / fan_in is wanted here.",
        (3 * 400) ** -0.5: "uniform between -a and a has variance a² / 3: a must be sqrt(3 / fan_in).",
        (12 * 400) ** -0.5: "torch.rand has variance 1 / 12: take torch.randn, or stretch it by sqrt(12).",
    }
    for wrong, words in scales.items():
        if abs(weights.std() / wrong - 1) < 0.03:
            raise Mistake(words)
    if not abs(weights.std() * 400**0.5 - 1) < 0.03:
        raise Mistake(f"for a fan_in of 400 the standard deviation should be 0.05, but yours is {weights.std():.3g}.")
    if not abs(small.detach().std() * 2**0.5 - 1) < 0.03:
        raise Mistake("right for a fan_in of 400, but not for 2: the scale must follow fan_in.")
    return "an output is as large as an input, however many are summed."


@exercise
def adam_step(answer: Any, seed: int) -> str:
    """adam_step(w, g, m, v, t, lr, beta1, beta2, eps) -> (w, m, v), as in Kingma and Ba (2015), algorithm 1."""

    def adam(
        size: Callable = lambda v, eps: v.sqrt() + eps,
        keep: Callable = lambda m, v, m_hat, v_hat: (m, v),
        correct: tuple[bool, bool] = (True, True),
        later: int = 0,
        sign: int = -1,
        power: int = 2,
        swap: tuple[bool, bool] = (False, False),
        by: Callable = lambda x, beta, t: x / (1 - beta**t),
    ) -> Callable[..., tuple]:
        def step(w, g, m, v, t, lr, *rest):
            *betas, eps = rest
            a, b = [1 - beta if swapped else beta for beta, swapped in zip(betas, swap, strict=True)]
            m, v = a * m + (1 - a) * g, b * v + (1 - b) * g**power
            m_hat = by(m, betas[0], t + later) if correct[0] else m
            v_hat = by(v, betas[1], t + later) if correct[1] else v
            return w + sign * lr * m_hat / size(v_hat, eps), *keep(m, v, m_hat, v_hat)

        return step

    mistakes = [
        (adam(correct=(False, False)), "the bias correction is missing: m / (1 - beta1**t), v / (1 - beta2**t)."),
        (adam(correct=(True, False)), "v must be corrected too: divide it by 1 - beta2**t."),
        (adam(correct=(False, True)), "m must be corrected too: divide it by 1 - beta1**t."),
        (adam(keep=lambda m, v, *hats: hats), "you return the corrected means: the next step needs m and v."),
        (adam(size=lambda v, eps: (v + eps).sqrt()), "eps is inside the root: the paper and PyTorch add it after."),
        (adam(size=lambda v, eps: v.sqrt()), "eps is missing: without it a gradient of 0 gives 0 / 0."),
        (adam(size=lambda v, eps: v + eps), "the root is missing: divide by sqrt(v) + eps."),
        (adam(size=lambda v, eps: 1), "v is not used: divide the step by sqrt(v) + eps."),
        (adam(sign=1), "you walk uphill: subtract the step."),
        (adam(power=1), "v must be the mean of the squared gradients."),
        (adam(swap=(True, True)), "the betas weigh the wrong side: beta * old mean + (1 - beta) * new."),
        (adam(swap=(True, False)), "beta1 weighs the wrong side: beta1 * m + (1 - beta1) * g."),
        (adam(swap=(False, True)), "beta2 weighs the wrong side: beta2 * v + (1 - beta2) * g²."),
        (adam(later=1), "t is 1 at the first step already: no t + 1."),
        (adam(later=-1), "t is 1 at the first step: no t - 1."),
        (adam(by=lambda x, beta, t: x / (1 - beta)), "divide by 1 - beta**t: 1 - beta is right at t = 1 only."),
        (adam(by=lambda x, beta, t: x / (1 - beta * t)), "beta to the power of t, beta**t: not beta * t."),
        (adam(by=lambda x, beta, t: x * (1 - beta**t)), "the means are too small at first: divide by 1 - beta**t."),
        (lambda *i: tuple(adam()(*i)[n] for n in (0, 2, 1)), "m and v are swapped: return w, m, v."),
        (lambda *i: torch.stack(adam()(*i)), "return three tensors, not one that holds them: `return w, m, v`."),
        (lambda *i: adam()(*i[:6], i[6], i[6], i[8]), "v has a constant of its own: beta2."),
        (lambda *inputs: adam()(*inputs)[0], "return three things: the new w, m and v."),
        (lambda *inputs: (adam()(*inputs)[0], *inputs[2:4]), "w is right, but return the new m and v, not the old."),
        (lambda *inputs: adam()(*inputs[:5], 1.0, *inputs[6:]), "the learning rate is missing: times lr."),
    ]  # fmt: skip
    zero, (w, g, m, v) = torch.zeros(5), _random(seed, 4, 5)
    cases = [
        (w, torch.tensor([2.0, -3.0, 0.5, 1.0, -0.1]), zero, zero, 1, 0.1, 0.9, 0.999, 1e-8),
        (w, g, 0.5 * m, v.square(), 3, 0.05, 0.8, 0.95, 1e-3),
        (w, 1e-2 * g, zero, zero, 2, 0.3, 0.7, 0.9, 1e-2),
        (w, zero, zero, zero, 1, 0.1, 0.9, 0.999, 1e-8),
    ]
    compare(_tensors(answer), adam(), cases, mistakes)
    return "the first step has the length lr, whatever the size of the gradient."


@exercise
def context_windows(answer: Any, seed: int) -> str:
    """context_windows(tokens, context_length): every context, and the token that follows it."""

    def cut(tokens: Tensor, k: int) -> tuple[Tensor, Tensor]:
        return tokens.unfold(0, k, 1)[:-1], tokens[k:]

    def changed(contexts: Callable, targets: Callable) -> Callable[[Tensor, int], tuple[Tensor, Tensor]]:
        return lambda tokens, k: (contexts(tokens.unfold(0, k, 1)), targets(tokens, k))

    def following(tokens: Tensor, k: int) -> Tensor:
        return tokens[k:]

    mistakes = [
        (changed(lambda c: c[:-2], lambda t, k: t[k:-1]), "the last context is missing: there are N - k."),
        (changed(lambda c: c[1:-1], lambda t, k: t[k + 1 :]), "the first context is missing: it begins at token 0."),
        (changed(lambda c: c[:-1], lambda t, k: t[k - 1 : -1]), "the target is the context's last token: go on one."),
        (changed(lambda c: c, lambda t, k: t[k - 1 :]), "the target is the context's last token: take the next."),
        (changed(lambda c: c[:-2], lambda t, k: t[k + 1 :]), "the target is one too far: right after the context."),
        (lambda t, k: (t.unfold(0, k + 1, 1), t[k:]), "the contexts hold the target as well: that is cheating."),
        (changed(lambda c: c, following), "there is one context more than targets: nothing follows the last one."),
        (changed(lambda c: c[:-1], lambda t, k: t.unfold(0, k, 1)[1:]), "a target is one token, not a whole window."),
        (lambda t, k: tuple(part[::k] for part in cut(t, k)), "your contexts do not overlap: one at each token."),
        (changed(lambda c: c[:-1].flip(1), following), "the contexts are turned round: the oldest token first."),
        (changed(lambda c: c[:-1].T, following), "the contexts stand as columns: one row each (transpose)."),
        (changed(lambda c: c[:-1], lambda t, k: t[k:, None]), "the targets are a column: the shape is (N - k,)."),
        (lambda t, k: cut(t, k)[0], "return two things: the contexts and their targets."),
        (lambda t, k: cut(t, k)[::-1], "the two are swapped: the contexts first, then the targets."),
        (changed(lambda c: c[:-1], lambda t, k: t[:-k]), "the target is the context's first token: take the next."),
        (changed(lambda c: c[1:], following), "each context ends with its own target: that is cheating."),
        (lambda t, k: t.unfold(0, k + 1, 1), "return two tensors: windows[:, :-1], windows[:, -1]."),
    ]  # fmt: skip
    generator = Generator().manual_seed(seed)
    cases = [(torch.tensor([4, 1, 3, 2, 0]), 2)]
    cases += [(torch.randperm(n, generator=generator), k) for n, k in ((17, 3), (11, 5), (7, 1))]
    compare(_tensors(answer), cut, cases, mistakes)
    return "five tokens and contexts of two: three pairs."
