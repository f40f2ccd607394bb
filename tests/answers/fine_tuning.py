"""Answers to the exercises of fine_tuning, as readers write them: right ones, and wrong ones with their words."""

import torch
from torch.nn import functional as F


def by_loops(x, weight, bias, reach=None, sign=1.0, start=0.0):
    filters, width, _ = weight.shape
    rows = []
    for t in range(len(x) - width + 1):
        row = []
        for k in range(filters):
            total = sign * bias[k]
            for i in range(reach or width):
                total = total + x[t + i] @ weight[k, i]
            row.append(total)
        rows.append(torch.stack(row))
    return torch.stack(rows)


def by_torch(x, weight, bias, flip=False, padding=0):
    weight = weight.flip(1) if flip else weight
    return F.conv1d(x.T[None], weight.transpose(1, 2), bias, padding=padding)[0].T


def flat_windows(x, weight, bias):
    width = weight.shape[1]
    windows = torch.stack([x[t : t + width].flatten() for t in range(len(x) - width + 1)])
    return windows @ weight.flatten(1).T + bias


def filter_of(negation, praise, bias, rows=(0, 1), other=0.0):
    def design():
        weight = torch.zeros(2, 3)
        weight[rows[0], 0] += negation
        weight[rows[1], 1] += praise
        weight[:, 2] = other
        return weight, bias

    return design


def labels_by_memory(word_labels, words, first=True, rest=-100, special=-100):
    seen, labels = set(), []
    for word in words:
        if word is None:
            labels.append(special)
        elif word in seen and first:
            labels.append(rest)
        else:
            labels.append(word_labels[word])
        seen.add(word)
    return labels


def labels_backwards(word_labels, words):
    return labels_by_memory(word_labels, words[::-1])[::-1]


def adam(weight, batches, zero=True, rate=0.1, kind=torch.optim.Adam):
    parameter = torch.nn.Parameter(weight.clone())
    optimiser = kind([parameter], lr=rate)
    for x, y in batches:
        if zero:
            parameter.grad = None
        loss = F.binary_cross_entropy_with_logits(x @ parameter, y)
        loss.backward()
        optimiser.step()
    return parameter.detach()


def adam_by_hand(weight, batches):
    first, second = torch.zeros_like(weight), torch.zeros_like(weight)
    for step, (x, y) in enumerate(batches, start=1):
        gradient = x.T @ (torch.sigmoid(x @ weight) - y) / len(y)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        weight = weight - 0.1 * (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
    return weight


def zeroed_too_late(weight, batches):
    parameter = weight.clone().requires_grad_()
    optimiser = torch.optim.Adam([parameter], lr=0.1)
    for x, y in batches:
        F.binary_cross_entropy_with_logits(x @ parameter, y).backward()
        optimiser.zero_grad()
        optimiser.step()
    return parameter.detach()


def one_step(weight, batches):
    parameter = weight.clone().requires_grad_()
    optimiser = torch.optim.Adam([parameter], lr=0.1)
    for x, y in batches:
        optimiser.zero_grad()
        F.binary_cross_entropy_with_logits(x @ parameter, y).backward()
    optimiser.step()
    return parameter.detach()


def recalls(truth, predicted, labels=None):
    labels = sorted(set(truth.tolist())) if labels is None else labels
    found = []
    for label in labels:
        mine = [int(p == label) for t, p in zip(truth.tolist(), predicted.tolist(), strict=True) if t == label]
        found.append(sum(mine) / len(mine) if mine else 0.0)
    return found


def mean(values):
    return sum(values) / len(values)


def precisions(truth, predicted):
    return mean(recalls(predicted, truth))


def settings(ngrams=2, characters=True, weights="naive Bayes", c=1.0):
    return lambda: {"ngrams": ngrams, "characters": characters, "weights": weights, "C": c}


RIGHT = {
    "convolve": [by_loops, by_torch, flat_windows],
    "negated_praise": [filter_of(1, 1, -1.5), filter_of(5, 3, -6), lambda: ([[2, 0, 0], [0, 2, 0]], -3)],
    "piece_labels": [labels_by_memory, lambda labels, words: torch.tensor(labels_by_memory(labels, words))],
    "fit": [adam, adam_by_hand],
    "balanced_accuracy": [lambda truth, predicted: mean(recalls(truth, predicted))],
    "bag_of_words": [settings(), settings(ngrams=1)],
}
WRONG = {
    "convolve": [
        (lambda x, weight, bias: by_torch(x, weight, bias, flip=True), "the filter runs backwards"),
        (lambda x, weight, bias: by_torch(x, weight, None), "the bias is missing"),
        (lambda x, weight, bias: by_loops(x, weight, bias, sign=-1.0), "the bias is subtracted"),
        (
            lambda x, weight, bias: by_torch(x, weight, 0 * bias) / weight[0].numel() + bias,
            "the mean of the products",
        ),
        (lambda x, weight, bias: by_loops(x, weight, bias, reach=1), "only the first word"),
        (lambda x, weight, bias: by_torch(x, weight, bias).relu(), "negative results are cut off"),
        (lambda x, weight, bias: by_torch(x, weight, bias).max(dim=0).values, "the maximum over the positions"),
        (lambda x, weight, bias: by_torch(x, weight, bias).T, "filters and positions are swapped"),
        (lambda x, weight, bias: by_torch(x, weight, bias)[:-1], "the last window is missing"),
        (
            lambda x, weight, bias: by_torch(
                torch.cat([x, torch.zeros(weight.shape[1] - 1, x.shape[1])]), weight, bias
            ),
            "the text is padded",
        ),
    ],
    "negated_praise": [
        (filter_of(1, 1, -0.5), "at a negation alone, or at praise alone"),
        (filter_of(1, 1, -3.0), "it never fires"),
        (filter_of(1, 1, 0.5), "the bias alone decides"),
        (filter_of(1, 1, -1.5, rows=(1, 0)), "where the praise comes first"),
        (filter_of(0, 1, -0.5), "it fires at praise"),
        (filter_of(1, 0, -0.5), "it fires at a negation"),
        (lambda: 3, "two things are expected"),
        (lambda: (torch.zeros(3, 2), 0), "a row per word, but yours has (3, 2)"),
        (lambda: (torch.zeros(2, 3), torch.zeros(2)), "the bias is one number"),
    ],
    "piece_labels": [
        (lambda labels, words: labels_by_memory(labels, words, first=False), "every piece of a word"),
        (labels_backwards, "the last piece of a word"),
        (lambda labels, words: labels_by_memory(labels, words, special=0), "special tokens get the label 0"),
        (lambda labels, words: labels_by_memory(labels, words, rest=0), "later pieces get the label 0"),
        (lambda labels, words: labels_by_memory(labels, words, rest=0, special=0), "and later pieces get the label 0"),
        (lambda labels, words: labels_by_memory(labels, words, rest=-1, special=-1), "leaves out -100"),
        (
            lambda labels, words: labels_by_memory(labels, [word for word in words if word is not None]),
            "the special tokens are dropped",
        ),
        (lambda labels, words: labels_by_memory(range(9), words), "the numbers of the words"),
    ],
    "fit": [
        (lambda weight, batches: adam(weight, batches, zero=False), "the gradients of all batches add up"),
        (zeroed_too_late, "the weights do not move"),
        (lambda weight, batches: adam(weight, batches, kind=torch.optim.SGD), "plain gradient descent"),
        (lambda weight, batches: adam(weight, batches, rate=0.01), "the learning rate is another"),
        (one_step, "only after the last batch"),
        (lambda weight, batches: adam(weight, batches[:1]), "the first batch alone"),
    ],
    "balanced_accuracy": [
        (lambda truth, predicted: (truth == predicted).float().mean(), "the plain accuracy"),
        (precisions, "these are precisions"),
        (lambda truth, predicted: recalls(truth, predicted, [1])[0], "of label 1 alone"),
        (lambda truth, predicted: mean(recalls(truth, predicted, [0, 1])), "a third label is forgotten"),
        (lambda truth, predicted: sum(recalls(truth, predicted)), "the sum over the labels"),
        (lambda truth, predicted: min(recalls(truth, predicted)), "the worst label's share"),
    ],
    "bag_of_words": [
        (settings(weights="tf-idf"), "naive Bayes weights"),
        (settings(characters=False), "groups of letters"),
        (settings(c=0.01), "a weaker penalty"),
        (settings(weights="counts"), "weights is one of tf-idf, binary, naive Bayes, but yours is 'counts'."),
        (settings(ngrams=5), "ngrams is a whole number from 1 to 3, but yours is 5."),
        (settings(c=0), "C is a number from 0.001 to 1000, but yours is 0."),
        (settings(characters="yes"), "characters is True or False, but yours is 'yes'."),
        (lambda: {"C": 1}, "a dictionary with ngrams, characters, weights, C is expected"),
    ],
}
