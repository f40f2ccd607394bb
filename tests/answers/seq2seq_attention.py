"""Answers to the exercises of seq2seq_attention: other right ones, and wrong ones with words of their message."""

import heapq
import itertools
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_lib.attention import additive_scores, attend
from course_lib.generation import GenerationConfig, generate


def writing(fed=None, kept=lambda new, first: new, pick=torch.argmax, most=0, ends=None, after=None):
    def write(model, source, begin, end, limit):
        first = state = model.start(torch.tensor([source]), torch.tensor([len(source)]))
        tokens = [begin]
        while len(tokens) <= limit + most:
            logits, state = model.step(torch.tensor([fed(tokens, end) if fed else tokens[-1]]), state)
            state = kept(state, first)
            tokens.append(pick(logits[0]).item())
            if tokens[-1] == end if ends is None else ends(tokens[-1]):
                return after(tokens, True) if after else tokens[1:-1]
        return after(tokens, False) if after else tokens[1:]

    return write


def by_library(model, source, begin, end, most):
    config = GenerationConfig(temperature=0, max_new_tokens=most, begin_token=begin, end_token=end)
    return generate(model, [source], config)[0]


def endless(model, source, begin, end, most):
    return writing()(model, source, begin, -1, most)


def unlimited(model, source, begin, end, most):
    return writing()(model, source, begin, end, 1000)


def filtered(model, source, begin, end, most):
    return [token for token in endless(model, source, begin, end, most) if token != end]


def until_begin(model, source, begin, end, most):
    return writing(ends=lambda token: token == begin)(model, source, begin, end, most)


def in_tensors(model, source, begin, end, most):
    state, token, written = model.start(torch.tensor([source]), torch.tensor([len(source)])), torch.tensor([begin]), []
    for _ in range(most):
        logits, state = model.step(token, state)
        token = logits.argmax(-1)
        if token == end:
            break
        written.append(token)
    return written


def wrong_length(model, source, begin, end, most):
    return model.start(torch.tensor([source]), torch.tensor([1 + len(source)]))


def recursive(model, source, begin, end, most):
    def rest(token, state, left):
        if not left:
            return []
        logits, state = model.step(torch.tensor([token]), state)
        best = int(logits[0].argmax())
        return [] if best == end else [best, *rest(best, state, left - 1)]

    return rest(begin, model.start(torch.tensor([source]), torch.tensor([len(source)])), most)


def unbatched(model, source, begin, end, most):
    state = model.start(torch.tensor([source]), torch.tensor([len(source)]))
    return model.step(torch.tensor(begin), state)


def weights_by_library(query, keys, W, U, v, mask):
    scores = additive_scores((query @ W.T)[:, None], keys @ U.T, v)
    return attend(scores, keys, mask[:, None])[1][:, 0]


def weights_by_loop(query, keys, W, U, v, mask):
    rows = torch.zeros(keys.shape[:2])
    for b, s in itertools.product(*map(range, keys.shape[:2])):
        if mask[b, s]:
            rows[b, s] = (v * torch.tanh(W @ query[b] + U @ keys[b, s])).sum().exp()
    return rows / rows.sum(1, keepdim=True)


def weights_by_lowest(query, keys, W, U, v, mask):
    scores = torch.einsum("a,bsa->bs", v, torch.tanh(F.linear(query, W).unsqueeze(1) + F.linear(keys, U)))
    return nn.Parameter(scores).masked_fill(mask.logical_not(), -1e9).softmax(-1)


def looking(
    hide=lambda s, m: s.masked_fill(~m, -torch.inf),
    bend=torch.tanh,
    end=lambda s: s.softmax(1),
    mix=torch.add,
    score=lambda a, v: torch.einsum("bsa,a->bs", a, v),
):
    def weights(query, keys, W, U, v, mask):
        return end(hide(score(bend(mix((query @ W.T)[:, None], keys @ U.T)), v), mask))

    return weights


def masked_late(*inputs):
    return looking(hide=lambda s, m: s)(*inputs) * inputs[-1]


def context(*inputs):
    return torch.einsum("bs,bsk->bk", looking()(*inputs), inputs[1])


def by_heap(beams, log_p, k):
    every = (
        (score + value, [*tokens, token])
        for (tokens, score), row in zip(beams, log_p.tolist(), strict=True)
        for token, value in enumerate(row)
    )
    return [(tokens, score) for score, tokens in heapq.nlargest(k, every)]


def by_numpy(beams, log_p, k):
    totals = (log_p.double() + torch.tensor([score for _, score in beams])[:, None]).numpy()
    order = np.argsort(-totals, axis=None)[:k]
    return [(beams[place // totals.shape[1]][0] + [place % totals.shape[1]], totals.flat[place]) for place in order]


def with_tensors(beams, log_p, k):
    values, places = (log_p + torch.tensor([[score] for _, score in beams])).flatten().topk(k)
    rows, tokens = places // log_p.shape[1], places % log_p.shape[1]
    return [[(*beams[row][0], t), value] for row, t, value in zip(rows.tolist(), tokens.tolist(), values, strict=True)]


def ranked(total, sign=1):
    def step(beams, log_p, k):
        every = [
            ([*tokens, token], float(total(score, value)))
            for (tokens, score), row in zip(beams, log_p.tolist(), strict=True)
            for token, value in enumerate(row)
        ]
        return sorted(every, key=lambda one: -sign * one[1])[:k]

    return step


def one_of_each(beams, log_p, k):
    found = [by_heap([beam], row[None], 1)[0] for beam, row in zip(beams, log_p, strict=True)]
    return sorted(found, key=lambda one: one[1], reverse=True)[:k]


def k_of_each(beams, log_p, k):
    return [one for beam, row in zip(beams, log_p, strict=True) for one in by_heap([beam], row[None], k)]


def beam_of(continuation, beams):
    return [tokens for tokens, _ in beams].index(continuation[0][:-1])


def flat_tokens(beams, log_p, k):
    values, places = (log_p + torch.tensor([[score] for _, score in beams])).flatten().topk(k)
    pairs = zip(places.tolist(), values.tolist(), strict=True)
    return [([*beams[place // log_p.shape[1]][0], place], value) for place, value in pairs]


def chosen(beams, log_p, k, order=lambda score, value: score + value, shown=None, token=None):
    """As by_heap; in another order, with another score shown, or other tokens."""
    every = []
    for (tokens, score), row in zip(beams, log_p.tolist(), strict=True):
        for number, value in enumerate(row):
            made = [*tokens, number] if token is None else token(tokens, number)
            every.append((order(score, value), made, shown(score, value) if shown else score + value))
    every.sort(key=lambda one: one[0], reverse=True)
    return [(tokens, value) for _, tokens, value in every[:k]]


STOP = ("(?<=[a-z])$", ".")
SPELLING = [("^v(?=[^aeiou])", "u"), ("(?<=[aeiou])u(?=[aeiou])", "v"), ("(?<=[^aeiou]{2})e$", "")]


def rules(words=(), line=()):
    return lambda: {"words": list(words), "line": list(line)}


def units(w, u, v):
    return lambda: (w * torch.eye(4), u * torch.eye(4), torch.full((4,), float(v)))


def saturated_with_threshold():
    """A unit is positive only where both letters are there: as each query is one-hot, its sum is a constant 1."""
    return 10 * (torch.eye(4) - 1.5), 10 * torch.eye(4), 5 * torch.ones(4)


def by_learning():
    torch.manual_seed(0)
    W, U, v = (torch.randn(shape, requires_grad=True) for shape in ((8, 4), (8, 4), (8,)))
    optimizer = torch.optim.Adam([W, U, v], lr=0.1)
    for _ in range(200):
        scores = torch.tanh(W.T[:, None] + U.T[None]) @ v
        loss = F.cross_entropy(scores, torch.arange(4))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return W, U, v


RIGHT = {
    "word_rules": [
        rules(SPELLING, [STOP]),
        rules([*SPELLING, ("(?<=[^aeiou])ie$", "y")], [("(?<=[a-z]) (?=[Ss]ir)", ", "), STOP]),
    ],
    "same_letter": [
        units(1, 1, -10),
        units(9, 9, -5),
        saturated_with_threshold,
        by_learning,
        lambda: tuple(part.tolist() for part in units(2, 2, -8)()),
    ],
    "greedy": [by_library, recursive, writing(), in_tensors, lambda *given: torch.tensor(by_library(*given))],
    "additive_weights": [weights_by_library, weights_by_loop, weights_by_lowest, looking()],
    "beam_step": [by_heap, by_numpy, with_tensors, chosen],
}
WRONG = {
    "word_rules": [
        (rules(SPELLING), "punctuation: look at how lines end in the two editions."),
        (rules([], [STOP]), "u and v: `auoid` and `vs`"),
        (rules(SPELLING[:2], [STOP]), "final e: `kinde` and `drinke`"),
        (rules(SPELLING, [STOP, ("I", "X")]), "a list of the words that still differ"),
        (lambda: [STOP], "a dictionary with the lists `words` and `line` is expected, and nothing else."),
        (rules([], STOP), "each rule is a pair of texts, a pattern and its replacement"),
        (rules([("[a", "b")]), "is not a pattern that `re` understands"),
        (rules([("a", "\\1")]), "is not a pattern that `re` understands"),
        (rules([("a", "b")] * 31), "at most 30 rules are allowed"),
    ],
    "same_letter": [
        (units(1, 1, 1), "the letter that fits gets less weight than the others"),
        (units(1, 1, -2), "is ahead, but with less than 0.9"),
        (units(0, 1, -9), "all letters get the same weight"),
        (units(1, 0, 9), "all letters get the same weight"),
        (lambda: (torch.eye(4), torch.eye(4)[[1, 0, 3, 2]], torch.full((4,), -9.0)), "the letters are mixed up"),
        (lambda: (torch.eye(4), torch.eye(4)), "three tensors are expected"),
        (lambda: (torch.eye(4), torch.eye(4), torch.ones(5)), "with A units the shapes are (A, 4), (A, 4) and (A,)"),
    ],
    "greedy": [
        (writing(after=lambda tokens, ended: tokens[1:]), "END is a signal"),
        (lambda m, s, b, e, most: [b, *by_library(m, s, b, e, most)], "BEGIN opens"),
        (writing(after=lambda tokens, ended: tokens), "neither BEGIN nor END"),
        (writing(after=lambda tokens, ended: tokens[:-1]), "append the token that the model has just written"),
        (writing(after=lambda tokens, ended: tokens[2:-1] if ended else tokens[2:]), "the first token is lost"),
        (lambda *given: by_library(*given)[-1:], "only the last token"),
        (endless, "the decoder goes on"),
        (filtered, "END is left out, but"),
        (until_begin, "not at `begin`"),
        (writing(ends=lambda token: token == 2), "a fixed number"),
        (writing(fed=lambda tokens, end: tokens[0]), "yours steps with BEGIN"),
        (writing(fed=lambda tokens, end: tokens[-1] if tokens[1:] else end), "you begin with END"),
        (writing(fed=lambda tokens, end: tokens[max(len(tokens) - 2, 0)]), "the token before the last"),
        (writing(kept=lambda new, first: first), "hand the new state on"),
        (writing(most=1), "one token too many"),
        (writing(most=-1), "one token too early"),
        (writing(after=lambda tokens, ended: tokens[1:-1]), "one token too early"),
        (unlimited, "the limit is missing"),
        (lambda m, s, b, e, most: by_library(m, s, b, e, 1), "a single token"),
        (writing(pick=torch.argmin), "least likely"),
        (writing(pick=lambda logits: logits.argsort()[-2]), "second most likely"),
        (unbatched, "a batch of one token"),
        (wrong_length, "the number of tokens of the source"),
        (lambda m, s, b, e, most: m.start(torch.tensor(s), torch.tensor(len(s))), "`start` takes a batch"),
        (lambda *given: " ".join(map(str, by_library(*given))), "returns a string"),
    ],
    "additive_weights": [
        (looking(end=lambda s: s.softmax(0).nan_to_num()), "not over the sentences"),
        (looking(end=lambda s: s.exp() / s.exp().sum()), "share one softmax"),
        (looking(bend=lambda a: F.softmax(a.tanh(), 2)), "runs over the components"),
        (looking(hide=lambda s, m: s), "padding is attended"),
        (masked_late, "no longer sum to 1"),
        (looking(hide=lambda s, m: s.masked_fill(~m, -1.0)), "a score of -1"),
        (looking(hide=lambda s, m: s + m), "the mask is added"),
        (looking(hide=lambda s, m: s.masked_fill(~m, torch.inf)), "is +inf"),
        (lambda *given: looking(hide=lambda s, m: s)(*given).masked_fill(~given[-1], -torch.inf), "the weight -inf"),
        (looking(hide=lambda s, m: s.masked_fill(m, -torch.inf)), "the mask is inverted"),
        (looking(bend=lambda a: a), "the tanh is missing"),
        (looking(bend=torch.sigmoid), "the nonlinearity is tanh"),
        (looking(bend=lambda a: a, score=lambda a, v: torch.tanh(a @ v)), "the tanh comes after v"),
        (looking(score=lambda a, v: torch.tanh(a @ v)), "there are two tanh"),
        (looking(mix=torch.mul), "not multiplied"),
        (looking(mix=torch.sub), "not subtracted"),
        (looking(mix=lambda q, k: q * k, bend=lambda a: a, score=lambda a, v: a.sum(2)), "this is the dot product"),
        (looking(mix=lambda q, k: k), "the query plays no part"),
        (looking(mix=lambda q, k: q.expand_as(k)), "the keys play no part"),
        (looking(mix=lambda q, k: q[0] + k), "every sentence has its own query"),
        (looking(score=lambda a, v: a @ v / len(v) ** 0.5), "are not divided by the root"),
        (looking(score=lambda a, v: -(a @ v)), "the sign of the scores"),
        (looking(end=lambda s: s), "these are the scores"),
        (looking(end=torch.sigmoid), "a sigmoid of each score"),
        (looking(end=lambda s: s.exp()), "these are the exponentials"),
        (looking(hide=lambda s, m: s * m, end=lambda s: s / s.sum(1, True)), "the scores are divided by their sum"),
        (looking(end=lambda s: s.log_softmax(1)), "logarithms of weights"),
        (looking(end=lambda s: (s == s.max(1, True).values).float()), "on the best key"),
        (context, "this is the context"),
        (lambda *given: looking()(*given[:4], torch.ones(len(given[4])), given[5]), "v is missing"),
        (lambda *given: looking()(*given).unsqueeze(1), "an axis of length 1 is too much"),
    ],
    "beam_step": [
        (ranked(lambda score, value: value), "own ln p is forgotten"),
        (lambda *given: chosen(*given, shown=lambda s, v: v), "the token's alone"),
        (ranked(lambda score, value: score), "the token's ln p is forgotten"),
        (ranked(lambda score, value: score + math.exp(value)), "add ln p to ln p"),
        (ranked(lambda score, value: math.exp(score + value)), "which become 0"),
        (ranked(lambda score, value: score * value), "the logarithms are multiplied"),
        (ranked(lambda score, value: value - score), "is subtracted"),
        (ranked(lambda score, value: (score + value) / 2), "do not average"),
        (ranked(lambda score, value: score + value, sign=-1), "these are the worst"),
        (lambda *given: chosen(*given, order=lambda s, v: v), "you rank by the token's ln p alone"),
        (lambda *given: chosen(*given, shown=lambda s, v: -s - v), "the sign of ln p"),
        (lambda *given: chosen(*given, shown=lambda s, v: s), "the beam's old one"),
        (one_of_each, "one continuation of each beam"),
        (k_of_each, "k continuations of each beam"),
        (lambda beams, log_p, k: by_heap(beams[:1], log_p[:1], k), "only one of the beams"),
        (lambda *given: by_heap(*given)[::-1], "rising order"),
        (lambda *given: sorted(by_heap(*given), key=lambda one: beam_of(one, given[0])), "in the order of the beams"),
        (lambda *given: chosen(*given, order=lambda s, v: 0), "sort before you keep"),
        (lambda beams, log_p, k: by_heap(beams, log_p, len(beams)), "not the number of beams"),
        (lambda beams, log_p, k: by_heap(beams, log_p, log_p.numel()), "all continuations come back"),
        (lambda beams, log_p, k: by_heap(beams, log_p, k + 1), "one continuation too many"),
        (lambda beams, log_p, k: by_heap(beams, log_p, k - 1), "one continuation is missing"),
        (lambda *given: by_heap(*given)[:1], "only the best comes back"),
        (lambda *given: [tokens for tokens, _ in by_heap(*given)], "ln p is missing"),
        (lambda *given: [score for _, score in by_heap(*given)], "the tokens are missing"),
        (lambda *given: [one[::-1] for one in by_heap(*given)], "the pairs are reversed"),
        (lambda *given: tuple(zip(*by_heap(*given), strict=True)), "return a list of pairs"),
        (lambda *given: [(tokens[-1:], score) for tokens, score in by_heap(*given)], "own tokens are lost"),
        (lambda *given: chosen(*given, token=lambda tokens, new: tokens), "the new token is missing"),
        (lambda *given: chosen(*given, token=lambda tokens, new: [new, *tokens]), "the new token comes last"),
        (lambda *given: chosen(*given, token=lambda tokens, new: [*tokens[:-1], new]), "replaces the beam's last one"),
        (flat_tokens, "an index into the flattened table"),
        (lambda beams, *given: [(beams[0][0] + t[-1:], s) for t, s in by_heap(beams, *given)], "those of the first"),
        (lambda *given: [(t, score / len(t)) for t, score in by_heap(*given)], "do not divide ln p"),
        (lambda *given: [(tokens[-1], score) for tokens, score in by_heap(*given)], "expected"),
    ],
}
