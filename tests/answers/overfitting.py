"""Answers to the exercises of overfitting: other right ones, and wrong ones with words of their message."""

import itertools
import math

import numpy as np
import torch
from torch.nn import functional as F


def bag_by_loop(vectors, rows):
    found = [vectors[row] for row in rows.tolist() if row != -1]
    return sum(found) / len(found) if found else vectors[0] * 0


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


def losses(logits, targets, candidates):
    return torch.tensor([F.cross_entropy(logits / t, targets) for t in candidates])


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
    "bag_of_vectors": [bag_by_loop],
    "early_stop": [stop_by_list],
    "dropout": [
        lambda x, p, noise: torch.where(noise < p, 0.0, x / (1 - p)),
        lambda x, p, noise: x * (noise >= p) / (1 - p),
    ],
    "first_step": [adamw, lambda w, g, lr, d: w * (1 - lr * d) - lr * g / ((g**2).sqrt() + 1e-8)],
    "best_temperature": [temperature_by_loop, lambda x, y, c: c[losses(x, y, c).argmin()]],
    "calibration_error": [calibration(weighed)],
}
WRONG = {
    "bag_of_vectors": [
        (bag_with_last, "row -1 means the last row"),
        (lambda v, r: v[r[r >= 0]].mean(dim=0), "without a known word gives NaN"),
        (bag_of_all, "not by that of all words"),
        (lambda v, r: v[r[r >= 0]].sum(dim=0), "this is the sum"),
        (lambda v, r: v[r[r >= 0]].mean(), "over the words only"),
        (lambda v, r: v[r[r >= 0]].mean(dim=1), "within each word's vector"),
        (lambda v, r: v[r[r > 0]].mean(0) if (r > 0).any() else v[0] * 0, "row 0 is a word as well"),
        (bag_of_unique, "must count twice"),
        (lambda v, r: v[r.clamp(min=0)].mean(0), "unknown words get the vector of row 0"),
        (lambda v, r: bag_by_loop(v, r).tolist(), "a tensor is expected"),
    ],
    "early_stop": [
        (lambda losses, patience: losses.index(min(losses)), "the run stops before this minimum"),
        (stop_place, "this is where the run stops"),
        (stop_late, "too late"),
        (lambda losses, patience: stop_by_list(losses, patience - 1) if patience > 1 else 0, "too early"),
        (stop_on_ties, "an equal loss is no improvement"),
        (stop_on_rises, "compare with the best so far"),
        (stop_without_reset, "sets the count back to 0"),
        (lambda losses, patience: losses[stop_by_list(losses, patience)], "return its place"),
        (lambda losses, patience: stop_by_list(losses, patience) + 1, "one too high"),
        (lambda losses, patience: max(range(len(losses)), key=losses.__getitem__), "expected 2"),
        (lambda losses, patience: stop_by_list(losses, 1), "wait for `patience` of them"),
        (lambda losses, patience: len(losses) - 1, "this is the last evaluation"),
    ],
    "dropout": [
        (lambda x, p, noise: x * (noise >= p), "the scale is missing"),
        (lambda x, p, noise: x * (noise >= p) * (1 - p), "divide by it, since"),
        (lambda x, p, noise: x * (noise >= p) / p if p else x * 0, "you divide by p"),
        (lambda x, p, noise: x * (noise < p) / (1 - p), "you keep what should go: a number"),
        (lambda x, p, noise: x * (noise < p), "and the scale 1 / (1 - p) fails"),
        (lambda x, p, noise: x * (noise < p) / p if p else x * 0, "p is the share that is dropped"),
        (lambda x, p, noise: x * (noise >= p) / (noise >= p).float().mean(), "happened to stay"),
        (lambda x, p, noise: x[noise >= p] / (1 - p), "must stay in their places"),
        (lambda x, p, noise: torch.where(noise > p, x / (1 - p), 0.0), "equals p stays"),
        (lambda x, p, noise: (noise >= p).float() / (1 - p), "this is the mask"),
        (lambda x, p, noise: torch.where(noise < p, 0.0, x) * (1 + p), "by 1 + p"),
        (lambda x, p, noise: F.dropout(x, p), "expected ["),
        (drop_in_place, "changes its input in place"),
    ],
    "first_step": [
        (adam_with_l2, "this is L2 within Adam"),
        (lambda w, g, lr, d: w - lr * unit(g), "the decay is missing"),
        (lambda w, g, lr, d: w - lr * unit(g) - d * w, "multiplied by the learning rate"),
        (lambda w, g, lr, d: w - lr * unit(g) + lr * d * w, "wrong sign"),
        (lambda w, g, lr, d: (w - lr * unit(g)) * (1 - lr * d), "the weight before the step"),
        (lambda w, g, lr, d: w - lr * (g + d * w), "plain gradient descent"),
        (lambda w, g, lr, d: w + lr * unit(g) - lr * d * w, "uphill"),
        (lambda w, g, lr, d: w - lr * unit(g) - lr * d * w**2, "not to its square"),
        (lambda w, g, lr, d: w - lr * unit(g) - lr * d * w.sign(), "as L1 does"),
        (lambda w, g, lr, d: w - lr * g / g.abs() - lr * d * w, "0 / 0, NaN"),
        (lambda w, g, lr, d: -lr * (unit(g) + d * w), "this is the change"),
        (lambda w, g, lr, d: w - lr * (torch.sign(g) + d * w), "as small as 1e-8"),
        (lambda w, g, lr, d: w - lr * g / torch.sqrt(g**2 + 1e-8) - lr * d * w, "as small as 1e-8"),
        (lambda w, g, lr, d: w - lr * g / (torch.linalg.norm(g) + 1e-8) - lr * d * w, "of the whole gradient"),
    ],
    "best_temperature": [
        (lambda x, y, c: int(losses(x, y, c).argmin()), "this is the place"),
        (lambda x, y, c: losses(x, y, c).min(), "this is the lowest cross-entropy"),
        (lambda x, y, c: c[losses(x, y, [1 / t for t in c]).argmin()], "you multiply"),
        (lambda x, y, c: c[losses(x, y, c).argmax()], "the highest cross-entropy"),
        (lambda x, y, c: max(c, key=lambda t: ((x / t).argmax(1) == y).float().mean()), "accuracy cannot choose"),
        (lambda x, y, c: c[losses(x.softmax(1), y, c).argmin()], "you divide the probabilities"),
        (lambda x, y, c: min(c, key=lambda t: -(x / t)[range(len(y)), y].mean()), "the softmax or its logarithm"),
        (
            lambda x, y, c: max(c, key=lambda t: (x / t).softmax(1)[range(len(y)), y].mean()),
            "the softmax or its logarithm",
        ),
        (
            lambda x, y, c: c[torch.stack([F.cross_entropy((x / t).softmax(1), y) for t in c]).argmin()],
            "takes the softmax",
        ),
    ],
    "calibration_error": [
        (calibration(lambda total: sum(gap for gap, _ in total) / len(total)), "every bin counts the same"),
        (calibration(lambda total: sum(gap for gap, _ in total)), "you add the gaps up"),
        (lambda c, r, n: calibration(lambda total: sum(gap for gap, _ in total))(c, r, n) / n, "the number of bins"),
        (calibration(lambda total: max(gap for gap, _ in total)), "the largest gap"),
        (calibration(weighed, gap=lambda gap: gap), "the absolute value is missing"),
        (calibration(weighed, gap=lambda gap: gap**2), "these are squares"),
        (lambda c, r, n: (r.float().mean() - c.mean()).abs(), "the means of all items"),
        (lambda c, r, n: (r.float() - c).abs().mean(), "item by item"),
        (lambda c, r, n: (c.mean() - r.float().mean()).item(), "the absolute value is missing"),
        (calibration(weighed, top=False), "falls out of the last bin"),
        (lambda c, r, n: len(c) * calibration(weighed)(c, r, n), "divide that by the number of all"),
        (middle_of_bins, "its middle"),
        (upper_half, "from 0 to 1"),
    ],
}
