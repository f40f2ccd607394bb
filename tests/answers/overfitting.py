"""Answers to the exercises of overfitting: other right ones, and wrong ones with words of their message."""

import itertools
import math

import numpy as np
import torch
from torch.nn import functional as F

from course_lib import metrics


def bag_by_loop(vectors, rows):
    found = [vectors[row] for row in rows.tolist() if row != -1]
    return sum(found) / len(found) if found else vectors[0] * 0


def bag_by_weights(vectors, rows):
    known = np.asarray(rows) >= 0
    weights = known / max(known.sum(), 1)
    return weights @ vectors.numpy()[rows.numpy()]


def bag_with(none=None, end=None):
    """A bag with something else where no word is known, or made of the known words' vectors."""

    def bag(vectors, rows):
        known = [vectors[row] for row in rows.tolist() if row >= 0]
        if not known:
            return torch.zeros(vectors.shape[1]) if none is None else none(vectors)
        return torch.stack(known).mean(dim=0) if end is None else end(torch.stack(known))

    return bag


def bag_to_the_first_unknown(vectors, rows):
    found = list(itertools.takewhile(lambda row: row >= 0, rows.tolist()))
    return vectors[found].mean(dim=0) if found else torch.zeros(vectors.shape[1])


def bag_if_all_known(vectors, rows):
    return torch.zeros(vectors.shape[1]) if -1 in rows.tolist() else vectors[rows].mean(dim=0)


def bag_with_last(vectors, rows):
    return vectors[rows].mean(dim=0)


def bag_of_all(vectors, rows):
    known = rows >= 0
    return (vectors[rows] * known[:, None]).sum(dim=0) / len(rows)


def bag_of_unique(vectors, rows):
    known = [row for row in set(rows.tolist()) if row >= 0]
    return vectors[known].mean(dim=0) if known else torch.zeros(vectors.shape[1])


def stop_by_list(losses, patience):
    seen = []
    for loss in losses:
        seen.append(loss)
        if len(seen) - 1 - seen.index(min(seen)) == patience:
            break
    return seen.index(min(seen))


def stop_place(losses, patience):
    best, waited = 0, 0
    for now in range(1, len(losses)):
        best, waited = (now, 0) if losses[now] < losses[best] else (best, waited + 1)
        if waited == patience:
            return now
    return len(losses) - 1


def stop_by_hand(losses, patience, reset=0, first=0, enough=lambda waited, patience: waited == patience, end=None):
    best, waited = 0, first
    for now in range(1, len(losses)):
        if losses[now] < losses[best]:
            best, waited = now, reset
        else:
            waited += 1
            if enough(waited, patience):
                return best
    return best if end is None else end(best, losses)


def stop_on_strict_rises(losses, patience):
    best, rises = 0, 0
    for now in range(1, len(losses)):
        best = now if losses[now] < losses[best] else best
        rises = rises + 1 if losses[now] > losses[now - 1] else 0
        if rises == patience:
            break
    return best


def stop_with_previous(losses, patience):
    """The best is taken for the last one that was lower than its predecessor."""
    best, previous, waited = 0, losses[0], 0
    for now, loss in enumerate(losses[1:], start=1):
        best, waited = (now, 0) if loss < previous else (best, waited + 1)
        previous = loss
        if waited == patience:
            break
    return best


def stop_forgiving_ties(losses, patience):
    best, waited = 0, 0
    for now in range(1, len(losses)):
        if losses[now] <= losses[best]:
            best, waited = (now if losses[now] < losses[best] else best), 0
        else:
            waited += 1
        if waited == patience:
            break
    return best


def stop_against_the_past(losses, patience):
    best = 0
    for now in range(1, len(losses)):
        best = now if losses[now] < losses[best] else best
        if now >= patience and losses[now] >= losses[now - patience]:
            break
    return best


def stop_late(losses, patience):
    best, waited = 0, 0
    for now in range(1, len(losses)):
        best, waited = (now, 0) if losses[now] < losses[best] else (best, waited + 1)
        if waited > patience:
            break
    return best


def stop_on_ties(losses, patience):
    best, waited = 0, 0
    for now in range(1, len(losses)):
        best, waited = (now, 0) if losses[now] <= losses[best] else (best, waited + 1)
        if waited == patience:
            break
    return best


def stop_on_rises(losses, patience):
    best, waited = 0, 0
    for now in range(1, len(losses)):
        waited = 0 if losses[now] < losses[now - 1] else waited + 1
        best = now if losses[now] < losses[best] else best
        if waited == patience:
            break
    return best


def stop_without_reset(losses, patience):
    best, waited = 0, 0
    for now in range(1, len(losses)):
        if losses[now] < losses[best]:
            best = now
        else:
            waited += 1
        if waited == patience:
            break
    return best


def drop_in_place(x, p, noise):
    x[noise < p] = 0
    return x / (1 - p)


def adamw(weight, gradient, learning_rate, decay):
    parameter = torch.nn.Parameter(weight.clone())
    parameter.grad = gradient.clone()
    torch.optim.AdamW([parameter], lr=learning_rate, weight_decay=decay).step()
    return parameter.detach()


def adam_with_l2(weight, gradient, learning_rate, decay):
    parameter = torch.nn.Parameter(weight.clone())
    parameter.grad = gradient.clone()
    torch.optim.Adam([parameter], lr=learning_rate, weight_decay=decay).step()
    return parameter.detach()


def dropped(x, p, noise, scale):
    result = torch.zeros_like(x)
    result[noise >= p] = x[noise >= p] * scale
    return result


def uncorrected(gradient):
    mean, square = 0.1 * gradient, 0.001 * gradient**2
    return mean / (square.sqrt() + 1e-8)


def descend(w, lr, d, move):
    """AdamW's step with a move of one's own."""
    return w * (1 - lr * d) - lr * move


def unit(gradient):
    return gradient / (gradient.abs() + 1e-8)


def temperature_by_loop(logits, targets, candidates):
    best, lowest = None, math.inf
    for temperature in candidates:
        right = (logits / temperature).softmax(dim=1)[range(len(targets)), targets]
        loss = -right.log().mean().item()
        if loss < lowest:
            best, lowest = temperature, loss
    return best


def temperature_after_a_fall(logits, targets, candidates):
    best, previous = None, math.inf
    for temperature in candidates:
        loss = F.cross_entropy(logits / temperature, targets).item()
        if loss < previous:
            best = temperature
        previous = loss
    return best


def brier(logits, targets, t):
    return ((logits / t).softmax(dim=1) - F.one_hot(targets, 2)).square().sum(dim=1).mean().item()


def gap(logits, targets, t):
    sure, answer = (logits / t).softmax(dim=1).max(dim=1)
    return abs(sure.mean() - (answer == targets).float().mean()).item()


def losses(logits, targets, candidates):
    return torch.tensor([F.cross_entropy(logits / t, targets) for t in candidates])


def binned(number_of, top=True):
    """The calibration error with bins of one's own."""

    def error(confidence, correct, n_bins):
        groups = {}
        for sure, right in zip(confidence.tolist(), correct.tolist(), strict=True):
            number = number_of(sure, n_bins)
            groups.setdefault(min(number, n_bins - 1) if top else number, []).append(sure - right)
        return sum(abs(sum(group)) for group in groups.values()) / len(confidence)

    return error


def of_the_range(confidence, correct, n_bins):
    edges = torch.linspace(confidence.min(), confidence.max(), n_bins + 1, dtype=confidence.dtype)[1:-1]
    bins = torch.bucketize(confidence, edges, right=True)
    return torch.zeros(n_bins).index_add_(0, bins, correct.float() - confidence.float()).abs().sum() / len(bins)


def equal_sizes(confidence, correct, n_bins):
    order, n = confidence.argsort(), len(confidence)
    numbers = [place * n_bins // n for place in range(n)]
    sums = [0.0] * n_bins
    for number, item in zip(numbers, order.tolist(), strict=True):
        sums[number] += confidence[item].item() - correct[item].item()
    return sum(map(abs, sums)) / n


def with_empty_bins(confidence, correct, n_bins):
    bins, error = (confidence * n_bins).long().clamp(max=n_bins - 1), 0.0
    for number in range(n_bins):
        inside = bins == number
        error += (correct[inside].float().mean() - confidence[inside].mean()).abs() * inside.float().mean()
    return error


def edge_of_bins(confidence, correct, n_bins):
    bins = (confidence * n_bins).long().clamp(max=n_bins - 1)
    error = 0.0
    for number in bins.unique():
        inside = bins == number
        error += (correct[inside].float().mean() - number / n_bins).abs() * inside.float().mean()
    return error


def gaps_of_sums(confidence, correct, n_bins):
    bins = (confidence * n_bins).long().clamp(max=n_bins - 1)
    masks = [bins == number for number in range(n_bins)]
    return sum((confidence[mask].sum() - correct[mask].sum()).abs() * mask.float().mean() for mask in masks)


def of_wrong_answers(confidence, correct, n_bins):
    return binned(lambda sure, n: int(sure * n))(confidence, ~correct, n_bins)


def calibration(weigh, top=True, gap=abs):
    def error(confidence, correct, n_bins):
        total, edges = [], np.linspace(0, 1, n_bins + 1)
        for number, (low, high) in enumerate(itertools.pairwise(edges)):
            inside = (confidence >= low) & ((confidence < high) | (top and number == n_bins - 1))
            if inside.any():
                difference = gap((correct[inside].float().mean() - confidence[inside].mean()).item())
                total.append((difference, inside.float().mean().item()))
        return weigh(total)

    return error


def middle_of_bins(confidence, correct, n_bins):
    bins = (confidence * n_bins).long().clamp(max=n_bins - 1)
    error = 0.0
    for number in bins.unique():
        inside = bins == number
        error += (correct[inside].float().mean() - (number + 0.5) / n_bins).abs() * inside.float().mean()
    return error


def upper_half(confidence, correct, n_bins):
    bins = ((confidence - 0.5) * 2 * n_bins).long().clamp(max=n_bins - 1)
    error = 0.0
    for number in bins.unique():
        inside = bins == number
        error += (correct[inside].float().mean() - confidence[inside].mean()).abs() * inside.float().mean()
    return error


def weighed(total):
    return sum(gap * share for gap, share in total)


RIGHT = {
    "bag_of_vectors": [bag_by_loop, bag_by_weights, lambda vectors, rows: bag_by_loop(vectors, rows).tolist()],
    "early_stop": [stop_by_list, stop_by_hand],
    "dropout": [
        lambda x, p, noise: torch.where(noise < p, 0.0, x / (1 - p)),
        lambda x, p, noise: dropped(x, p, noise, 1 / (1 - p)),
    ],
    "first_step": [adamw, lambda w, g, lr, d: w * (1 - lr * d) - lr * g / ((g**2).sqrt() + 1e-8)],
    "best_temperature": [temperature_by_loop, lambda x, y, c: c[losses(x, y, c).argmin()]],
    "calibration_error": [
        calibration(weighed),
        lambda c, r, n: metrics.calibration_error(c.numpy(), r.numpy(), n),
        binned(lambda sure, n: int(sure * n)),
    ],
}
WRONG = {
    "bag_of_vectors": [
        (lambda v, r: v[r[r >= 0]].mean(dim=0), "the mean of nothing is NaN"),
        (bag_with(none=lambda v: torch.zeros(len(v))), "need the form of a vector"),
        (bag_with(none=lambda v: 0.0), "need the form of a vector"),
        (bag_with_last, "row -1 is the last row"),
        (lambda v, r: v[r.clamp(min=0)].mean(0), "unknown words get the vector of row 0"),
        (lambda v, r: v[torch.where(r == -1, 1, r)].mean(0), "unknown words get the vector of row 1"),
        (lambda v, r: v[r[r > 0]].mean(0) if (r > 0).any() else v[0] * 0, "row 0 is a word as well"),
        (bag_of_unique, "occurs twice counts twice"),
        (bag_to_the_first_unknown, "stop at the first unknown word"),
        (bag_if_all_known, "one unknown word turns"),
        (lambda v, r: v[r[r < 0]].mean(0) if (r < 0).any() else v[0] * 0, "at the wrong positions"),
        (lambda v, r: v[(r >= 0).int()].mean(0), "the mask `rows >= 0` chooses"),
        (bag_of_all, "not by that of all words"),
        (bag_with(end=lambda found: found.sum(0) / (1 + len(found))), "one more than the number"),
        (bag_with(end=lambda found: found.sum(0) / len(found[0])), "not by the length of a vector"),
        (lambda v, r: v[r[r >= 0]].sum(dim=0), "this is the sum"),
        (bag_with(end=lambda found: found.max(dim=0).values), "this is the maximum"),
        (lambda v, r: v[r[r >= 0]].mean(), "This is one number for all"),
        (lambda v, r: v[r[r >= 0]].mean(dim=1), "This averages within each word's vector"),
        (lambda v, r: v[r[r >= 0]], "their mean is wanted"),
        (bag_with(end=torch.mean), "this is one number for all"),
        (bag_with(end=lambda found: found.mean(dim=-1)), "this averages within"),
        (bag_with(end=lambda found: found), "these are the vectors"),
        (bag_with(end=lambda found: found.mean(0)[None]), "an axis of length 1"),
        (bag_with(end=lambda found: found.mean(0) / found.mean(0).norm()), "this is a unit vector"),
        (lambda v, r: r[r >= 0].float().mean(), "look up the vectors first"),
        (lambda v, r: v.sum(0) / len(v), "the whole table"),
        (lambda v, r: v[r[r >= 0]].sum(0) / (len(r) + 1), "expected"),
    ],
    "early_stop": [
        (lambda losses, patience: losses.index(min(losses)), "the run stops before this minimum"),
        (stop_place, "this is where the run stops"),
        (lambda x, p: stop_by_hand(x, p, end=lambda best, losses: len(losses) - 1), "where the list ends before"),
        (lambda losses, patience: len(losses) - 1, "this is the last evaluation"),
        (lambda x, p: stop_place(x, p) - p, "going back `patience` evaluations"),
        (lambda losses, patience: stop_by_hand(losses[:-1], patience), "your loop ends one too soon"),
        (stop_late, "too late"),
        (lambda losses, patience: stop_by_list(losses, patience - 1) if patience > 1 else 0, "too early"),
        (lambda x, p: stop_by_hand(x, p, enough=lambda waited, patience: waited == patience - 1), "too early"),
        (lambda losses, patience: stop_by_list(losses, 1), "wait for `patience` of them"),
        (stop_on_ties, "an equal loss is no improvement"),
        (stop_forgiving_ties, "an equal loss is not better"),
        (lambda x, p: stop_by_hand([-loss for loss in x], p), "lower is better"),
        (stop_with_previous, "is not yet the best so far"),
        (stop_on_rises, "not lower than the one just before"),
        (stop_on_strict_rises, "not lower than the one just before"),
        (stop_without_reset, "sets the count back to 0"),
        (lambda x, p: stop_by_hand(x, p, reset=1, enough=int.__ge__), "not to 1"),
        (stop_against_the_past, "of `patience` evaluations ago"),
        (lambda losses, patience: losses.index(min(losses[:patience])), "not evaluations from the beginning"),
        (lambda losses, patience: losses[stop_by_list(losses, patience)], "return its position"),
        (lambda losses, patience: stop_by_list(losses, patience) + 1, "one too high"),
        (lambda losses, patience: stop_by_list(losses, patience) - 1, "one before the best"),
        (lambda losses, patience: stop_late(losses, patience) + 1, "two things. You stop an evaluation too late"),
        (lambda losses, patience: max(range(len(losses)), key=losses.__getitem__), "two things. The run stops before"),
        (lambda losses, patience: patience, "expected"),
    ],
    "dropout": [
        (lambda x, p, noise: x * (noise >= p), "the scale is missing"),
        (lambda x, p, noise: x * (noise >= p) * (1 - p), "divide by it, since"),
        (lambda x, p, noise: x * (noise >= p) / p if p else x * torch.inf, "you divide by p"),
        (lambda x, p, noise: x * (noise >= p) / p, "you divide by p"),
        (lambda x, p, noise: torch.where(noise < p, 0.0, x) * (1 + p), "by 1 + p"),
        (lambda x, p, noise: torch.where(noise < p, 0.0, x) * p, "by p: divide by 1 - p"),
        (lambda x, p, noise: dropped(x, p, noise, 1 / math.sqrt(1 - p)), "the root of 1 - p"),
        (lambda x, p, noise: dropped(x / (1 - p), p, noise, 1 / (1 - p)), "applied twice"),
        (lambda x, p, noise: x * (noise >= p) / (noise >= p).float().mean(), "happened to stay"),
        (lambda x, p, noise: dropped(x, p, noise, x.sum() / x[noise >= p].sum()), "this very `x`"),
        (lambda x, p, noise: x * (noise < p) / (1 - p), "you keep what should go"),
        (lambda x, p, noise: x * (noise < p), "two things. The scale is missing"),
        (lambda x, p, noise: x * (noise < p) / p, "p is the share that is dropped"),
        (lambda x, p, noise: x * (noise < p) / p if p else 0 * x, "p is the share that is dropped"),
        (lambda x, p, noise: torch.where(noise < 1 - p, 0.0, x / (1 - p)), "not where it is below 1 - p"),
        (lambda x, p, noise: torch.where(noise > p, x / (1 - p), 0.0), "equals p stays"),
        (lambda x, p, noise: torch.where(x < p, 0.0, x / (1 - p)), "compare the noise"),
        (lambda x, p, noise: noise * x, "not multiplied by `x`"),
        (lambda x, p, noise: F.dropout(x, p), "noise of your own"),
        (lambda x, p, noise: x * (torch.rand_like(x) >= p) / (1 - p), "noise of your own"),
        (lambda x, p, noise: (noise >= p).float() / (1 - p), "this is the mask"),
        (lambda x, p, noise: x[noise >= p] / (1 - p), "must stay at their positions"),
        (lambda x, p, noise: torch.where(noise < p, x, x / (1 - p)), "those must become 0"),
        (lambda x, p, noise: torch.clamp(x, min=0) * (noise >= p) / (1 - p), "negative numbers are cut off"),
        (drop_in_place, "changes its input in place"),
        (lambda x, p, noise: x * (noise >= p) - p, "expected"),
    ],
    "first_step": [
        (adam_with_l2, "this is L2 regularisation within Adam"),
        (lambda w, g, lr, d: adam_with_l2(w, g, lr, d) - lr * d * w, "the decay counts twice"),
        (lambda w, g, lr, d: w - lr * unit(g), "the decay is missing"),
        (lambda w, g, lr, d: w - lr * unit(g) - d * w, "multiplied by the learning rate as well"),
        (lambda w, g, lr, d: w - lr * (unit(g) + w), "multiplied by `decay` as well"),
        (lambda w, g, lr, d: w - lr * unit(g) + lr * d * w, "wrong sign"),
        (lambda w, g, lr, d: (w - lr * unit(g)) * (1 - lr * d), "you let the new weight decay"),
        (lambda w, g, lr, d: w - lr * (unit(g) + lr * d * w), "the learning rate counts twice"),
        (lambda w, g, lr, d: w - lr * (unit(g) + d * g), "you let the gradient decay"),
        (lambda w, g, lr, d: w - lr * unit(g) - lr * d * w**2, "not to its square"),
        (lambda w, g, lr, d: w - lr * unit(g) - lr * d * w.sign(), "as L1 does"),
        (lambda w, g, lr, d: w - lr * (unit(g) + d), "the same number is taken"),
        (lambda w, g, lr, d: w - lr * unit(g) - lr * d * abs(w), "the weight with its sign"),
        (lambda w, g, lr, d: w - lr * d * (w + unit(g)), "multiplied by `decay`: only"),
        (lambda w, g, lr, d: w - lr * (g + d * w), "plain gradient descent"),
        (lambda w, g, lr, d: w * (1 - lr * d), "Adam's move is missing"),
        (lambda w, g, lr, d: w + lr * unit(g) - lr * d * w, "uphill"),
        (lambda w, g, lr, d: w * (1 - lr * d) - unit(g), "multiplied by the learning rate, too"),
        (lambda w, g, lr, d: descend(w, lr, d, uncorrected(g)), "are not corrected"),
        (lambda w, g, lr, d: descend(w, lr, d, g / (g * g + 1e-8)), "the root is missing"),
        (lambda w, g, lr, d: w - lr * (torch.sign(g) + d * w), "as small as 1e-8"),
        (lambda w, g, lr, d: w - lr * g / torch.sqrt(g**2 + 1e-8) - lr * d * w, "as small as 1e-8"),
        (lambda w, g, lr, d: w - lr * g / g.abs() - lr * d * w, "0 / 0, NaN"),
        (lambda w, g, lr, d: descend(w, lr, d, g / (abs(g) + 1e-6)), "ε is 1e-8"),
        (lambda w, g, lr, d: w - lr * g / (torch.linalg.norm(g) + 1e-8) - lr * d * w, "of the whole gradient"),
        (lambda w, g, lr, d: descend(w, lr, d, g / (g + 1e-8)), "the absolute value is missing"),
        (lambda w, g, lr, d: -lr * (unit(g) + d * w), "this is the change"),
        (lambda w, g, lr, d: lr * (unit(g) + d * w), "this is the change"),
        (lambda w, g, lr, d: w + lr * (unit(g) + d * w), "the whole change is added"),
        (lambda w, g, lr, d: w - lr * uncorrected(g), "two things. The decay is missing"),
        (lambda w, g, lr, d: w - d, "expected"),
    ],
    "best_temperature": [
        (lambda x, y, c: int(losses(x, y, c).argmin()), "this is the position"),
        (lambda x, y, c: losses(x, y, c).min(), "this is the lowest cross-entropy"),
        (losses, "these are all the losses"),
        (lambda x, y, c: c[losses(x, y, c).argmax()], "the highest cross-entropy"),
        (lambda x, y, c: 1 / c[losses(x, y, c).argmin()], "you return 1 / T"),
        (temperature_after_a_fall, "with the lowest so far"),
        (lambda x, y, c: c[losses(x, y, [1 / t for t in c]).argmin()], "you multiply"),
        (lambda x, y, c: c[losses(x, y, [t * t for t in c]).argmin()], "the square of the temperature"),
        (lambda x, y, c: c[losses(x.softmax(1), y, c).argmin()], "you divide the probabilities"),
        (
            lambda x, y, c: c[torch.stack([F.cross_entropy((x / t).softmax(1), y) for t in c]).argmin()],
            "takes the softmax",
        ),
        (lambda x, y, c: max(c, key=lambda t: ((x / t).argmax(1) == y).float().mean()), "accuracy cannot choose"),
        (lambda x, y, c: min(c, key=lambda t: -(x / t)[range(len(y)), y].mean()), "the softmax or its logarithm"),
        (
            lambda x, y, c: max(c, key=lambda t: (x / t).softmax(1)[range(len(y)), y].mean()),
            "the softmax or its logarithm",
        ),
        (
            lambda x, y, c: max(c, key=lambda t: (x / t).softmax(0)[range(len(y)), y].log().mean()),
            "the softmax runs down the columns",
        ),
        (lambda x, y, c: min(c, key=lambda t: brier(x, y, t)), "the squared error"),
        (lambda x, y, c: min(c, key=lambda t: gap(x, y, t)), "between confidence and accuracy"),
        (lambda x, y, c: c[losses(x.flip(1), y, c).argmin()], "labels are swapped"),
        (
            lambda x, y, c: min(
                c, key=lambda t: F.binary_cross_entropy(torch.sigmoid(x[:, 1] / t).double(), y.double()).item()
            ),
            "one column for a single logit",
        ),
        (lambda x, y, c: c[losses(x, x.argmax(1), c).argmin()], "always takes the smallest temperature"),
        (lambda x, y, c: sorted(c)[0], "always takes the smallest temperature"),
        (lambda x, y, c: sorted(c)[-1], "always takes the largest temperature"),
        (lambda x, y, c: sorted(c, key=lambda t: abs(t - 1.0))[0], "closest to 1"),
        (lambda x, y, c: sum(c) / len(c), "expected"),
    ],
    "calibration_error": [
        (calibration(lambda total: sum(gap for gap, _ in total) / len(total)), "every bin counts the same"),
        (lambda c, r, n: calibration(lambda total: sum(gap for gap, _ in total))(c, r, n) / n, "the number of bins"),
        (calibration(lambda total: sum(gap for gap, _ in total)), "you add the gaps up"),
        (lambda c, r, n: len(c) * calibration(weighed)(c, r, n), "divide that by the number of all"),
        (calibration(lambda total: sum(gap * share**2 for gap, share in total)), "by its share twice"),
        (lambda c, r, n: len(c) * calibration(weighed)(c, r, n) / n, "not by the number of bins"),
        (calibration(lambda total: max(gap for gap, _ in total)), "the largest gap"),
        (calibration(weighed, gap=lambda gap: gap), "the absolute value is missing"),
        (lambda c, r, n: (c.mean() - r.float().mean()).item(), "the absolute value is missing"),
        (calibration(weighed, gap=lambda gap: gap**2), "these are squared gaps"),
        (lambda c, r, n: math.sqrt(calibration(weighed, gap=lambda gap: gap**2)(c, r, n)), "this is the root of"),
        (calibration(weighed, gap=lambda gap: max(0.0, -gap)), "too sure count"),
        (of_wrong_answers, "the share of *wrong* answers"),
        (lambda c, r, n: (r.float().mean() - c.mean()).abs(), "the means of all answers"),
        (lambda c, r, n: (r.float() - c).abs().mean(), "of each single answer"),
        (middle_of_bins, "its middle"),
        (edge_of_bins, "not its edge"),
        (upper_half, "you cut 0.5 to 1"),
        (of_the_range, "the range of the confidences"),
        (equal_sizes, "equally many answers"),
        (binned(lambda sure, n: round(sure * n), top=False), "round down"),
        (binned(lambda sure, n: min(int(sure * (n - 1)), n - 2)), "off by one"),
        (lambda c, r, n: binned(lambda sure, n: int(sure * n))(c, r, n + 1), "off by one"),
        (lambda c, r, n: binned(lambda sure, n: int(sure * n))(c, r, 10), "into 10 bins"),
        (gaps_of_sums, "not between two sums"),
        (binned(lambda sure, n: int(sure * n), top=False), "has a bin of its own"),
        (calibration(weighed, top=False), "falls out of the last bin"),
        (with_empty_bins, "an empty bin gives NaN"),
        (lambda c, r, n: 100 * calibration(weighed)(c, r, n), "times 100"),
    ],
}
