"""Answers to the exercises of automatic_differentiation: other right ones, and wrong ones with what must be said."""

import functools

import torch
from torch.nn import functional as F


def by_autograd(logits, targets):
    z = logits.clone().requires_grad_()
    F.cross_entropy(z, targets).backward()
    return z.grad


def by_autograd_on_the_input(logits, targets):
    logits.requires_grad_()
    [gradient] = torch.autograd.grad(F.cross_entropy(logits, targets), [logits], create_graph=True)
    return gradient


def by_columns(logits, targets):
    p = torch.softmax(logits, dim=1)
    p[:, targets] -= 1
    return p / len(targets)


def with_half_the_mean(logits, targets):
    p = torch.softmax(logits, dim=1) / len(targets)
    p[range(len(targets)), targets] -= 1
    return p


def by_index(logits, targets):
    p = torch.softmax(logits, dim=1)
    p[range(len(targets)), targets] -= 1
    return p / len(targets)


def without_mean(logits, targets):
    return by_index(logits, targets) * len(targets)


def of_sum_over_all(logits, targets):
    z = logits.clone().requires_grad_()
    (F.log_softmax(z, 1) * F.one_hot(targets, z.shape[1])).mean().neg().backward()
    return z.grad


def own_input_changed(logits, targets):
    logits[range(len(targets)), targets] -= 1
    return logits.softmax(1) / len(targets)


def forwards(tape):
    """Forward differentiation: once for each value, the derivative of everything after it."""
    result = []
    for origin in range(len(tape)):
        slopes = [float(place == origin) for place in range(len(tape))]
        for place in range(origin + 1, len(tape)):
            slopes[place] = sum(slopes[source] * slope for source, slope in tape[place])
        result.append(slopes[-1])
    return result


def by_tensor(tape):
    result = torch.zeros(len(tape), dtype=torch.float64)
    result[-1] = 1
    for place in range(len(tape) - 1, -1, -1):
        for source, slope in tape[place]:
            result[source] += result[place] * slope
    return result


def overwriting(tape):
    result = [0.0] * len(tape)
    result[-1] = 1.0
    for place in reversed(range(len(tape))):
        for source, slope in tape[place]:
            result[source] = result[place] * slope
    return result


def from_the_front(tape):
    result = [0.0] * len(tape)
    result[-1] = 1.0
    for place, entries in enumerate(tape):
        for source, slope in entries:
            result[source] += result[place] * slope
    return result


def without_a_start(tape):
    result = [0.0] * len(tape)
    for place in reversed(range(len(tape))):
        for source, slope in tape[place]:
            result[source] += result[place] * slope
    return result


def from_ones(tape):
    result = [1.0] * len(tape)
    for place in reversed(range(len(tape))):
        for source, slope in tape[place]:
            result[source] += result[place] * slope
    return result


def one_step_back(tape):
    result = [0.0] * len(tape)
    result[-1] = 1.0
    for source, slope in tape[-1]:
        result[source] += slope
    return result


def slopes_added(tape):
    result = [0.0] * (len(tape) - 1) + [1.0]
    for place in reversed(range(len(tape))):
        for source, slope in tape[place]:
            result[source] += result[place] + slope
    return result


def slopes_alone(tape):
    result = [0.0] * (len(tape) - 1) + [1.0]
    for entries in tape[::-1]:
        for source, slope in entries:
            result[source] += slope
    return result


def depth_first(tape):
    result = [0.0] * len(tape)
    result[-1] = 1.0

    def back(place):
        for source, slope in tape[place]:
            result[source] += slope * result[place]
            back(source)

    back(len(tape) - 1)
    return result


def walking(tape, pairs=list, add=lambda old, above, slope: old + above * slope, first=0.0):
    result = [first] * len(tape)
    result[-1] = 1.0
    for place in range(len(tape) - 1, -1, -1):
        for source, slope in pairs(tape[place]):
            result[source] = add(result[source], result[place], slope)
    return result


def stopping(tape):
    result = [0.0] * (len(tape) - 1) + [1.0]
    place = len(tape) - 1
    while place >= 0 and tape[place]:
        for source, slope in tape[place]:
            result[source] += result[place] * slope
        place -= 1
    return result


def without_the_last(tape):
    result = [0.0] * (len(tape) - 1) + [1.0]
    for place in reversed(range(len(tape) - 1)):
        for source, slope in tape[place]:
            result[source] += slope * result[place]
    return result


def averaging(tape):
    result = [0.0] * (len(tape) - 1) + [1.0]
    for place in reversed(range(len(tape))):
        for source, slope in tape[place]:
            if result[source]:
                result[source] = (result[source] + slope * result[place]) / 2
            else:
                result[source] = slope * result[place]
    return result


def from_the_first(tape):
    result = [1.0] + [0.0] * (len(tape) - 1)
    for place, entries in enumerate(tape):
        for source, slope in entries:
            result[place] += slope * result[source]
    return result


def linear_by_autograd(x, w, dz):
    x, w = x.clone().requires_grad_(), w.clone().requires_grad_()
    b = torch.zeros(w.shape[1], requires_grad=True)
    (x @ w + b).backward(dz)
    return x.grad, w.grad, b.grad


def linear_by_sums(x, w, dz):
    of_x = torch.einsum("no,io->ni", dz, w)
    return [of_x, torch.einsum("ni,no->io", x, dz), torch.ones(len(x)) @ dz]


def linear_with(of_x=None, of_w=None, of_b=None):
    def backward(x, w, dz):
        right = linear_by_sums(x, w, dz)
        return tuple(own(x, w, dz) if own else known for own, known in zip((of_x, of_w, of_b), right, strict=True))

    return backward


def descending(targets, rate, steps, derivative=lambda w, t: 2 * (w - t), divide=True, uphill=False):
    w, path = 0.0, []
    for _ in range(steps):
        total = 0.0
        for t in targets:
            total += derivative(w, t)
        if divide:
            total /= len(targets)
        w += rate * total if uphill else -rate * total
        path.append(w)
    return path


def descending_in_closed_form(targets, rate, steps):
    mean = sum(targets) / len(targets)
    return [mean - mean * (1 - 2 * rate) ** step for step in range(1, steps + 1)]


def of_the_last_target(targets, rate, steps):
    w, path = 0.0, []
    for _ in range(steps):
        for t in targets:
            gradient = 0.0
            gradient += 2 * (w - t) / len(targets)
        w -= rate * gradient
        path.append(w)
    return path


def target_by_target(targets, rate, steps):
    w, path = 0.0, []
    for _ in range(steps):
        for t in targets:
            w -= rate * 2 * (w - t) / len(targets)
        path.append(w)
    return path


def weights(first, second, output):
    return lambda: ([first, second], output)


OR, AND = (8.0, 8.0, -4.0), (8.0, 8.0, -12.0)


def choosing(**changes):
    return lambda: {"rate": 92.0, "momentum": 0.9, "start": "letters"} | changes


RIGHT = {
    "cross_entropy_gradient": [by_autograd, by_autograd_on_the_input, by_index],
    "gradients": [forwards, by_tensor, lambda tape: tuple(forwards(tape)), lambda tape: by_tensor(tape).numpy()],
    "linear_backward": [linear_by_autograd, linear_by_sums],
    "trained": [descending, descending_in_closed_form],
    "exclusive_or": [
        weights((6.0, -6.0, -3.0), (-6.0, 6.0, -3.0), (1.0, 1.0, 1.0)),
        lambda: (torch.tensor([OR, AND]), torch.tensor([2.0, -2.0, -2.0])),
    ],
    "nearer_to_counting": [choosing(), choosing(rate=100.0)],
}
WRONG = {
    "cross_entropy_gradient": [
        (without_mean, "divide by the number of examples"),
        (of_sum_over_all, "by the number of columns too"),
        (lambda z, y: -by_index(z, y), "the sign is reversed"),
        (lambda z, y: -without_mean(z, y), "the mean over rows is missing"),
        (lambda z, y: z.softmax(-1), "these are the probabilities"),
        (lambda z, y: z.softmax(-1) / len(y), "the targets are missing"),
        (lambda z, y: (z - F.one_hot(y, z.shape[1])) / len(y), "the softmax is missing"),
        (lambda z, y: (z.softmax(0) - F.one_hot(y, z.shape[1])) / len(y), "runs over the examples"),
        (lambda z, y: F.cross_entropy(z, y), "this is the loss itself"),
        (lambda z, y: -F.one_hot(y, z.shape[1]) / z.softmax(1) / len(y), "with respect to the probabilities"),
        (lambda z, y: F.one_hot(y, z.shape[1]) * (z.softmax(1) - 1) / len(y), "a gradient too"),
        (lambda z, y: without_mean(z, y) / z.shape[1], "the examples are the rows"),
        (lambda z, y: z.softmax(1) - F.one_hot(y, z.shape[1]) / len(y), "p as well"),
        (with_half_the_mean, "y as well"),
        (by_columns, "the same columns in every row"),
        (lambda z, y: (z.softmax(1) - F.one_hot(y)) / len(y), "your code raised RuntimeError"),
        (own_input_changed, "changes its input in place"),
        (lambda z, y: (z.softmax(-1) - y) / len(y), "but got"),
        (lambda z, y: (z.softmax(-1) - y.unsqueeze(1)) / len(y), "the number of a column"),
        (lambda z, y: without_mean(z, y) / max(1, len(y) - 1), "you divide by N - 1"),
        (lambda z, y: by_index(z, y) / len(y), "you divide by N twice"),
        (lambda z, y: (z.softmax(-1) - 1) / len(y), "not in every column"),
        (lambda z, y: by_index(z, (y - 1) % z.shape[1]), "one column beside the target"),
        (lambda z, y: (z.softmax(-1) + F.one_hot(y, z.shape[1])) / len(y), "you add y"),
        (lambda z, y: by_index(z, y).abs(), "loses the sign"),
        (lambda z, y: without_mean(z, y).square() / len(y), "the squared difference"),
        (lambda z, y: 2 * by_index(z, y), "the factor 2"),
        (lambda z, y: by_index(z, y) * z.softmax(1) * (1 - z.softmax(1)), "the gradient of a squared error"),
        (lambda z, y: z.softmax(1) * (1 - z.softmax(1)) / len(y), "the derivative of a probability"),
        (lambda z, y: z.softmax(1) * (1 - F.one_hot(y, z.shape[1])) / len(y), "the target's column is p - 1"),
        (lambda z, y: (F.log_softmax(z, 1) - F.one_hot(y, z.shape[1])) / len(y), "these are log-probabilities"),
        (lambda z, y: (z.sigmoid() - F.one_hot(y, z.shape[1])) / len(y), "the sigmoid of each logit"),
        (lambda z, y: without_mean(z, y).mean(0), "a row for each example"),
        (lambda z, y: -F.one_hot(y, z.shape[1]) * F.log_softmax(z, 1) / len(y), "the cross-entropy of each logit"),
        (lambda z, y: -without_mean(z, y) / z.shape[1], "two things"),
    ],
    "gradients": [
        (overwriting, "add, with `+=`"),
        (from_the_front, "only the last step is passed on"),
        (one_step_back, "only the last step"),
        (from_ones, "only the last value begins at 1"),
        (without_a_start, "all stays 0"),
        (slopes_added, "the chain rule multiplies"),
        (slopes_alone, "the slopes alone are added up"),
        (depth_first, "some count double"),
        (lambda tape: forwards(tape)[::-1], "reversed order"),
        (lambda tape: forwards(tape)[:-1], "the last value belongs to the result"),
        (lambda tape: sum(forwards(tape)), "list of 1 is expected"),
        (functools.partial(walking, pairs=dict.fromkeys), "the same value twice"),
        (functools.partial(walking, pairs=lambda pairs: pairs[:1]), "only the first pair"),
        (functools.partial(walking, pairs=lambda pairs: pairs[-1:]), "only the last pair"),
        (stopping, "the first input you meet"),
        (without_the_last, "nothing is passed on"),
        (lambda tape: [*walking(tape)[:-1], 0.0], "yours is 0 in the result"),
        (functools.partial(walking, add=lambda old, above, slope: old + above), "the slopes are missing"),
        (functools.partial(walking, add=lambda old, above, slope: old * above * slope, first=1.0), "add over the ways"),
        (functools.partial(walking, add=lambda old, above, slope: old - above * slope), "the sign is reversed"),
        (functools.partial(walking, add=lambda old, above, slope: old + above / slope), "you divide by the slope"),
        (averaging, "averaged over the uses"),
        (from_the_first, "with respect to the first one"),
        (lambda tape: forwards(tape)[0], "the first value alone"),
    ],
    "linear_backward": [
        (linear_with(of_x=lambda x, w, dz: dz.sum(1, keepdim=True).expand(x.shape)), "needs the weights"),
        (linear_with(of_w=lambda x, w, dz: dz.sum(0).expand(w.shape)), "needs the inputs"),
        (linear_with(of_w=lambda x, w, dz: x.T @ dz / x.shape[0]), "the second gradient is a sum"),
        (linear_with(of_b=lambda x, w, dz: dz.sum(0) / len(dz)), "the third gradient is a sum"),
        (linear_with(of_w=lambda x, w, dz: (x.T @ dz).T), "the shape of w, but yours is transposed"),
        (linear_with(of_x=lambda x, w, dz: (dz @ w.T).T), "the shape of x, but yours is transposed"),
        (linear_with(of_b=lambda x, w, dz: dz.sum(-1)), "sum dz over the examples"),
        (linear_with(of_b=lambda x, w, dz: dz * 1), "yours has a row per example"),
        (linear_with(of_b=lambda x, w, dz: (x.T @ dz).sum(0)), "does not depend on x"),
        (lambda x, w, dz: linear_by_sums(x, w, -dz), "the sign is reversed"),
        (lambda x, w, dz: (x.T @ dz, dz @ w.T, dz.sum(0)), "are swapped"),
        (lambda x, w, dz: (dz @ w.T, x.T @ dz), "three gradients are wanted"),
    ],
    "trained": [
        (of_the_last_target, "only the last target counts"),
        (functools.partial(descending, divide=False), "the loss is a mean"),
        (functools.partial(descending, derivative=lambda w, t: w - t), "the factor 2 is missing"),
        (functools.partial(descending, uphill=True), "the sign is reversed"),
        (lambda targets, rate, steps: descending(targets, 1.0, steps), "the learning rate"),
        (target_by_target, "a step after each target"),
        (lambda *inputs: descending(*inputs)[-1], "the last one alone"),
        (lambda *inputs: [0.0, *descending(*inputs)], "leave the start out"),
    ],
    "exclusive_or": [
        (weights(OR, AND, (0.0, 0.0, 0.0)), "near zero"),
        (weights(OR, AND, (1.0, 0.0, 0.0)), "this is *or*"),
        (weights(OR, AND, (0.0, 1.0, 0.0)), "this is *and*"),
        (weights(OR, AND, (-1.0, 1.0, 1.0)), "every sign is reversed"),
        (weights(OR, AND, (0.0, -1.0, 0.0)), "*not and* alone"),
        (weights(OR, AND, (-1.0, 0.0, 0.0)), "this is *neither*"),
        (lambda: (torch.zeros(3, 2), torch.zeros(3)), "the shapes (2, 3) and (3,)"),
        (lambda: [1.0, 2.0, 3.0], "return two things"),
    ],
    "nearer_to_counting": [
        (choosing(momentum=0.2), "momentum: what one step gained"),
        (choosing(rate=900.0), "a lower rate or less momentum"),
        (choosing(start="zeros"), "the better of the two starts"),
        (choosing(rate=2.0), "a higher rate"),
        (choosing(momentum=0.82, rate=75.0), "another rate and momentum"),
        (choosing(rate=-1), "rate is a number from 0 to 1000, but yours is -1."),
        (choosing(momentum=1), "momentum is a number from 0 to 0.99, but yours is 1."),
        (choosing(start="random"), "start is zeros or letters, but yours is 'random'."),
        (lambda: [30.0], "a dictionary with rate, momentum, start"),
    ],
}
