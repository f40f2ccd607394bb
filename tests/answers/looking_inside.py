"""Right and wrong answers to the exercises of looking_inside."""

import math

import torch
from torch.nn import functional as F

from course_lib.interpret import recorded_activations, replaced


def by_rms_norm(streams, gain, embedding, right, eps=1e-5, end=None):
    logits = F.rms_norm(streams, streams.shape[-1:], gain, eps) @ embedding.T
    return F.log_softmax(logits, dim=-1)[:, right] if end is None else end(logits, right)


def by_loop(streams, gain, embedding, right, square=lambda x: (x * x).mean() + 1e-5, root=math.sqrt, moved=lambda x: x):
    found = []
    for stream in streams:
        stream = moved(stream)
        x = stream / root(square(stream)) * gain
        logits = torch.stack([row @ x for row in embedding])
        found.append((logits[right] - logits.logsumexp(0)).item())
    return found


def over_all(streams, gain, embedding, right):
    x = streams / streams.square().mean().sqrt() * gain
    return (x @ embedding.T).log_softmax(-1)[:, right]


def score(shift=1, first=0, even=lambda t, T: 1 / (t + 1), turned=False, total=False):
    """An induction score that looks `shift` after the earlier occurrence, from T / 2 + first on."""

    def induction_score(weights):
        T = len(weights)
        queries = range(T // 2 + first, T)
        a = [(weights[t - T // 2 + shift, t] if turned else weights[t, t - T // 2 + shift]).item() for t in queries]
        b = [even(t, T) for t in queries]
        return (sum(a), sum(b)) if total else (sum(a) / len(a), sum(b) / len(b))

    return induction_score


def previous_token(weights):
    T = len(weights)
    return weights.diagonal(-1)[T // 2 - 1 :].mean(), torch.tensor([1 / (t + 1) for t in range(T // 2, T)]).mean()


def by_diagonal(weights):
    T = len(weights)
    even = 1 / torch.arange(T // 2 + 1, T + 1)
    return torch.stack([weights.diagonal(1 - T // 2)[1:].mean(), even.mean()])


def only_score(weights):
    return score()(weights)[0]


def built(back=1, first=30.0, second=60.0, own=0, key=13, into=13, many=5, turned=False):
    """The matrices of a circuit; `own` and `key` are where the blocks of layer 1 begin, `into` where layer 0 writes."""

    def circuit():
        S_0, V_0, S_1 = (torch.zeros(18, 18) for _ in range(3))
        for position in range(8):
            if 0 <= position - back < 8:
                S_0[5 + position, 5 + position - back] = first
        for token in range(5):
            V_0[token, into + token] = 1.0
        for n in range(many):
            S_1[own + n, key + n] = second
        return [S_0.T if turned else S_0, V_0, S_1]

    return circuit


def as_numpy():
    return tuple(matrix.numpy() for matrix in built(first=100.0)())


def with_hooks(model, clean, corrupted, layer, position, places=None, last=-1):
    kept = []
    with torch.no_grad():
        handle = model.blocks[layer].register_forward_hook(lambda module, inputs, x: kept.append(x))
        model(clean)
        handle.remove()

        def put(module, inputs, x):
            x = x.clone()
            x[:, position if places is None else places] = kept[0][:, position if places is None else places]
            return x

        handle = model.blocks[layer].register_forward_hook(put)
        try:
            return model(corrupted)[0, position if last is None else last]
        finally:
            handle.remove()


def by_name(model, clean, corrupted, layer, position, place="blocks.{}", moved=0):
    place = place.format(layer)
    with torch.no_grad(), recorded_activations(model, [place]) as found:
        model(clean)

    def put(x):
        rows = torch.arange(x.shape[1])[None, :, None] == position + moved
        return torch.where(rows, found[place], x)

    with torch.no_grad(), replaced(model, {place: put}):
        return model(corrupted)[0, -1]


def after(model, clean, corrupted, layer, position):
    if layer + 1 == len(model.blocks):
        with torch.no_grad():
            return model(corrupted)[0, -1]
    return by_name(model, clean, corrupted, layer + 1, position)


def unpatched(model, clean, corrupted, layer, position):
    with torch.no_grad():
        return model(corrupted)[0, -1]


def never_removed(model, clean, corrupted, layer, position):
    with torch.no_grad(), recorded_activations(model, [f"blocks.{layer}"]) as found:
        model(clean)
    [x] = found.values()

    def put(module, inputs, y):
        y = y.clone()
        y[0, position] = x[0, position]
        return y

    handle = model.blocks[layer].register_forward_hook(put)
    with torch.no_grad():
        logits = model(corrupted)[0, -1]
    if position == 0:
        handle.remove()
    return logits


def choice(**changes):
    return lambda: {"layer": 24, "scale": 1.5, "random": 5} | changes


RIGHT = {
    "lens": [by_rms_norm, by_loop],
    "induction_score": [score(), by_diagonal],
    "circuit": [built(), as_numpy, built(first=60.0, second=40.0)],
    "patched": [with_hooks, by_name],
    "steer": [choice(layer=23, random=5)],
}
WRONG = {
    "lens": [
        (lambda s, g, e, r: ((s * g) @ e.T).log_softmax(-1)[:, r], "the streams are not normalised"),
        (lambda s, g, e, r: by_rms_norm(s, torch.ones_like(g), e, r), "the gain is missing"),
        (lambda s, g, e, r: ((F.normalize(s, dim=-1) * g) @ e.T).log_softmax(-1)[:, r], "you divide by the norm"),
        (lambda s, g, e, r: by_loop(s, g, e, r, root=lambda x: x), "the root is missing"),
        (lambda s, g, e, r: by_loop(s, g, e, r, moved=lambda x: x - x.mean()), "that is LayerNorm"),
        (over_all, "runs over the layers, too"),
        (lambda s, g, e, r: by_rms_norm(s, g, e, r, end=lambda x, r: x[:, r]), "these are logits"),
        (lambda s, g, e, r: by_rms_norm(s, g, e, r).exp(), "these are probabilities"),
        (
            lambda s, g, e, r: by_rms_norm(s, g, e, r, end=lambda x, r: x.log_softmax(0)[:, r]),
            "the softmax runs over the layers",
        ),
        (lambda s, g, e, r: by_rms_norm(s, g, e, r) / math.log(2), "these are bits"),
        (lambda s, g, e, r: -by_rms_norm(s, g, e, r), "the sign is turned"),
    ],
    "induction_score": [
        (score(shift=0), "the earlier occurrence of the token itself"),
        (score(shift=-1, even=lambda t, T: 1 / (t + 1)), "the token before the earlier occurrence"),
        (previous_token, "a previous-token head"),
        (score(first=1), "the first token of the repetition is left out"),
        (score(first=-1), "has not occurred before"),
        (score(even=lambda t, T: 1 / T), "the null is not 1 / T"),
        (score(even=lambda t, T: 1 / t), "off by one"),
        (score(even=lambda t, T: 2 / T), "attends only to the past"),
        (score(turned=True), "rows and columns are swapped"),
        (score(total=True), "these are sums"),
        (only_score, "no finding without its null"),
    ],
    "circuit": [
        (built(key=0), "the model predicts its last token once more"),
        (built(back=0), "the model predicts its last token once more"),
        (built(back=2), "layer 0 looks two back"),
        (built(own=5, key=5, many=8), "the model predicts its last token once more"),
        (built(first=0.3), "the weights of layer 0 are too even"),
        (built(turned=True), "the weights of layer 0 are too even"),
        (built(second=0.3), "the weights of layer 1 are too even"),
        (lambda: built()()[:2], "three matrices of shape"),
        (lambda: [torch.eye(16)] * 3, "three matrices of shape"),
        (lambda: 3, "three matrices are expected"),
    ],
    "patched": [
        (never_removed, "the model afterwards"),
        (unpatched, "nothing is patched any more"),
        (lambda *given: with_hooks(*given, places=slice(None)), "every position is patched"),
        (lambda *given: by_name(*given, moved=1), "the position after"),
        (lambda m, clean, corrupted, *at: with_hooks(m, corrupted, clean, *at), "clean and corrupted are swapped"),
        (lambda *given: with_hooks(*given, last=None), "the logits after the patched position"),
        (lambda *given: by_name(*given, place="blocks.{}.input"), "the block's input is patched"),
        (after, "the stream one block later"),
    ],
    "steer": [
        (choice(scale=1.0), "a larger scale"),
        (choice(layer=8, scale=0.5), "has arrived"),
        (choice(layer=28, scale=1.3), "a layer nearer to 24"),
        (choice(scale=3), "the loss of neutral text rises by"),
        (choice(random=0), "no finding without its null: random"),
        (choice(layer=30), "layer is a whole number"),
        (choice(scale=-2), "scale is a number"),
        (lambda: (24, 1.5), "a dictionary with layer, scale, random is expected"),
    ],
}
