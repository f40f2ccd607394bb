"""Right and wrong answers to the exercises of features."""

import math

import torch
from torch.nn import functional as F


def coded(x, encoder, threshold, bias, k):
    z = F.relu((x - bias) @ encoder.T + threshold)
    least = z.sort(dim=-1, descending=True).values[:, k - 1 : k]
    return torch.where(z >= least, z, 0)


def by_token(x, encoder, threshold, bias, k, minus=1, plus=1, relu=True, most=0, sizes=True):
    rows = []
    for stream in x:
        z = [
            ((stream - minus * bias) @ row + plus * shift).item() for row, shift in zip(encoder, threshold, strict=True)
        ]
        if relu:
            z = [max(0.0, value) for value in z]
        order = sorted(range(len(z)), key=lambda i: -z[i])[: k + most]
        rows.append([(z[i] if sizes else float(z[i] > 0)) if i in order else 0.0 for i in range(len(z))])
    return torch.tensor(rows)


def all_positive(x, encoder, threshold, bias, k):
    return F.relu((x - bias) @ encoder.T + threshold)


def over_all(x, encoder, threshold, bias, k):
    z = all_positive(x, encoder, threshold, bias, k)
    flat = z.flatten()
    kept = torch.zeros_like(flat)
    places = flat.topk(k * len(x)).indices
    kept[places] = flat[places]
    return kept.view_as(z)


def only_largest(z, k, dim=-1):
    least = z.topk(k, dim=dim).values.min(dim=dim, keepdim=True).values
    return torch.where(z >= least, z, 0)


def threshold_after(x, encoder, threshold, bias, k):
    return only_largest(F.relu((x - bias) @ encoder.T) + threshold, k)


def gated(x, encoder, threshold, bias, k):
    z = F.relu((x - bias) @ encoder.T)
    largest = torch.where(z > threshold, z, 0).topk(k)
    return torch.zeros_like(z).scatter(1, largest.indices, largest.values)


def over_the_tokens(x, encoder, threshold, bias, k):
    return only_largest(all_positive(x, encoder, threshold, bias, k), k, dim=0)


def by_absolute_value(x, encoder, threshold, bias, k):
    z = (x - bias) @ encoder.T + threshold
    return F.relu(torch.where(only_largest(z.abs(), k) > 0, z, 0))


def drawn(degrees=72.0, square=1.447, bias=-0.447, turn=0.0):
    def pentagon():
        columns = []
        for n in range(5):
            angle = math.radians(turn + n * degrees)
            columns.append([math.sqrt(square) * math.cos(angle), math.sqrt(square) * math.sin(angle)])
        return torch.tensor(columns).T, torch.full((5,), bias)

    return pentagon


def as_lists():
    W, b = drawn(turn=10.0)()
    return W.tolist(), b.tolist()


def priced(price=lambda encoder, decoder: decoder.norm(dim=0), rebuild=lambda decoder: decoder):
    def penalised_loss(x, encoder, decoder, penalty):
        features = F.relu(x @ encoder.T)
        left = x - features @ rebuild(decoder).T
        return left.square().sum(1).mean() + penalty * (features @ price(encoder, decoder)).mean()

    return penalised_loss


def with_unit_directions(x, encoder, decoder, penalty):
    norms = decoder.norm(dim=0, keepdim=True)
    features = torch.relu(x @ encoder.T) * norms
    left = x - features @ (decoder / norms).T
    return ((left**2).sum(1) + penalty * features.sum(1)).mean()


def unit_directions_alone(x, encoder, decoder, penalty):
    features = F.relu(x @ encoder.T)
    left = x - features @ (decoder / decoder.norm(dim=0)).T
    return (left.square().sum(1) + penalty * features.sum(1)).mean()


def with_norms_added(x, encoder, decoder, penalty):
    features = F.relu(x @ encoder.T)
    left = x - features @ decoder.T
    return (left.square().sum(1) + penalty * (features.sum(1) + decoder.norm(dim=0).sum())).mean()


def all_together(x, encoder, decoder, penalty):
    written = F.relu(x @ encoder.T) @ decoder.T
    return ((x - written).square().sum(1) + penalty * written.square().sum(1).sqrt()).mean()


def counted(x, encoder, decoder, penalty):
    features = F.relu(x @ encoder.T)
    left = x - features @ decoder.T
    return (left.square().sum(1) + penalty * (features != 0).sum(1)).mean()


def f1(features, labels):
    hits = (features & labels).sum().item()
    return 2 * hits / max(1, features.sum().item() + labels.sum().item())


def accuracy(features, labels):
    return (features == labels).float().mean().item()


def precision(features, labels):
    return (features & labels).sum().item() / max(1, features.sum().item())


def recall(features, labels):
    return (features & labels).sum().item() / max(1, labels.sum().item())


def halves(choose=(0, 0.5), score=(0.5, 1), measure=f1, null_by=None, null_on=None, both=True):
    """Choose on one part of the tokens, given as shares, and score on another."""

    def choose_and_score(features, labels, shuffled):
        N = len(features)
        a, b = (slice(int(start * N), int(end * N)) for start, end in (choose, score))
        pairs = [(labels, labels)]
        named = {"labels": labels, "shuffled": shuffled}
        pairs.append((named[null_by or "shuffled"], named[null_on or "shuffled"]))
        found = []
        for by, on in pairs:
            values = [measure(features[a, j] > 0, by[a]) for j in range(features.shape[1])]
            best = values.index(max(values))
            found.append(measure(features[b, best] > 0, on[b]))
        return found if both else found[0]

    return choose_and_score


def best_of_second(features, labels, shuffled):
    half = len(features) // 2
    found = []
    for wanted in (labels, shuffled):
        found.append(max(f1(features[half:, j] > 0, wanted[half:]) for j in range(features.shape[1])))
    return tuple(found)


def choice(**changes):
    usual = {"n_features": 320, "rate": 0.02, "centred": True, "tied": True, "nulls": 1}
    return lambda: usual | changes


RIGHT = {
    "sparse_code": [coded, by_token],
    "pentagon": [drawn(), drawn(degrees=144.0, turn=30.0), drawn(square=1.42, bias=-0.4), as_lists],
    "penalised_loss": [priced(), with_unit_directions],
    "choose_and_score": [halves()],
    "train_dictionary": [choice(n_features=400, nulls=2)],
}
WRONG = {
    "sparse_code": [
        (lambda *given: by_token(*given, minus=0), "the bias is not subtracted"),
        (lambda *given: by_token(*given, minus=-1), "the bias is added"),
        (lambda *given: by_token(*given, plus=0), "the threshold is missing"),
        (lambda *given: by_token(*given, plus=-1), "the threshold is subtracted"),
        (threshold_after, "the threshold is added after the ReLU"),
        (lambda *given: F.relu(threshold_after(*given)), "the threshold is added after the ReLU"),
        (gated, "the threshold is missing, or only compared with"),
        (lambda *given: by_token(*given, relu=False), "negative features are kept"),
        (all_positive, "all positive features are kept"),
        (over_all, "over all tokens together"),
        (over_the_tokens, "among the tokens, feature by feature"),
        (by_absolute_value, "negative features take places"),
        (lambda *given: by_token(*given, sizes=False), "the kept features have become 1"),
        (lambda *given: by_token(*given, most=1), "one feature too many"),
    ],
    "pentagon": [
        (drawn(bias=0.0, square=1.0), "an absent feature is rebuilt"),
        (drawn(degrees=36.0), "an absent feature is rebuilt"),
        (drawn(square=1.0), "a feature that is present is not rebuilt as 1"),
        (drawn(square=1.7), "a feature that is present is not rebuilt as 1"),
        (lambda: drawn()()[:1], "two things are expected"),
        (lambda: drawn()()[0], "two things are expected"),
        (lambda: 3, "two things are expected"),
        (lambda: (torch.zeros(5, 2), torch.zeros(5)), "W must be (2, 5)"),
        (lambda: (torch.full((2, 5), math.nan), torch.zeros(5)), "a number is infinite or NaN"),
    ],
    "penalised_loss": [
        (priced(price=lambda encoder, decoder: encoder.norm(dim=1)), "the encoder's norms set the price"),
        (priced(price=lambda encoder, decoder: decoder.square().sum(dim=0)), "the squared norms set the price"),
        (priced(rebuild=lambda decoder: decoder / decoder.norm(dim=0)), "the rebuilt stream has changed"),
        (unit_directions_alone, "the rebuilt stream has changed"),
        (priced(price=lambda encoder, decoder: decoder.abs().sum(dim=0)), "the absolute values of a direction"),
        (with_norms_added, "the norms are added to the penalty"),
        (all_together, "opposite directions cancel"),
        (counted, "a count has no gradient"),
        (priced(price=lambda encoder, decoder: 1 / decoder.norm(dim=0)), "features are divided by the norms"),
        (priced(price=lambda encoder, decoder: decoder.norm().expand(len(encoder))), "one norm for all"),
    ],
    "choose_and_score": [
        (best_of_second, "the best score of the second half"),
        (halves(choose=(0, 1)), "chosen on all tokens"),
        (halves(score=(0, 0.5)), "the half on which the feature was chosen"),
        (halves(choose=(0.5, 1), score=(0, 0.5)), "the halves are swapped"),
        (halves(null_by="labels"), "a feature of its own"),
        (halves(null_on="labels"), "scored on the true labels"),
        (halves(score=(0, 1)), "these are scores of all tokens"),
        (halves(choose=(0, 1), score=(0, 1)), "all tokens choose, and all tokens score"),
        (halves(measure=lambda features, labels: f1(torch.ones_like(features), labels)), "yes is above 0"),
        (halves(measure=accuracy), "this is accuracy"),
        (halves(measure=recall), "this is recall alone"),
        (halves(measure=precision), "this is precision alone"),
        (halves(both=False), "no finding without its null"),
    ],
    "train_dictionary": [
        (choice(centred=False, n_features=160), "the mean as the first bias"),
        (choice(tied=False, n_features=160), "directions that begin as the encoder"),
        (choice(rate=0.003), "a higher learning rate"),
        (choice(rate=0.2), "a lower learning rate"),
        (choice(n_features=80), "more features"),
        (choice(nulls=0), "no finding without its null: nulls"),
        (choice(n_features=5_000), "n_features is a whole number"),
        (choice(n_features=400.0), "n_features is a whole number"),
        (choice(rate=3), "rate is a number"),
        (choice(centred=1), "centred is True or False"),
        (lambda: {"n_features": 160}, "a dictionary with n_features, rate, centred, tied, nulls is expected"),
    ],
}
