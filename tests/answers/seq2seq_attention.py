"""Answers to the exercises of seq2seq_attention: other right ones, and wrong ones with words of their message."""

import heapq
import itertools
import math
from collections import Counter

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from course_lib.attention import additive_scores, attend
from course_lib.generation import GenerationConfig, generate


def grams(words, n):
    return [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]


def by_crossing_out(hypothesis, reference, n):
    left, found = grams(reference, n), 0
    for gram in grams(hypothesis, n):
        if gram in left:
            left.remove(gram)
            found += 1
    return found / max(len(grams(hypothesis, n)), 1)


def by_counters(hypothesis, reference, n):
    ours = Counter(zip(*(hypothesis[i:] for i in range(n)), strict=False))
    theirs = Counter(zip(*(reference[i:] for i in range(n)), strict=False))
    return (ours & theirs).total() / ours.total() if ours else 0


def unclipped(hypothesis, reference, n):
    ours = grams(hypothesis, n)
    return sum(gram in grams(reference, n) for gram in ours) / max(len(ours), 1)


def of_sets(hypothesis, reference, n):
    ours = set(grams(hypothesis, n))
    return len(ours & set(grams(reference, n))) / max(len(ours), 1)


def undivided(hypothesis, reference, n):
    return float(by_crossing_out(hypothesis, reference, n) * len(grams(hypothesis, n)))


def by_case(length, reference):
    return 1 if length >= reference else math.e ** (1 - reference / length)


def forced_by_padding(rows, begin, end, pad):
    whole = pad_sequence([torch.tensor([begin, *row]) for row in rows], True, pad)
    wanted = pad_sequence([torch.tensor([*row, end]) for row in rows], True, pad)
    return whole, wanted


def forced_by_cutting(rows, begin, end, pad):
    """As the library does: one tensor, cut twice; END in the inputs becomes padding."""
    longest = max(map(len, rows)) + 2
    whole = torch.full((len(rows), longest), pad)
    for row, place in zip(rows, whole, strict=True):
        place[: len(row) + 2] = torch.tensor([begin, *row, end])
    for row, place in zip(rows, whole, strict=True):
        assert place[len(row) + 1] == end
    inputs = whole[:, :-1].clone()
    for number, row in enumerate(rows):
        inputs[number, len(row) + 1 :] = pad
    return inputs, whole[:, 1:]


def forced(inputs, targets, left=False, fill=None):
    def batch(rows, begin, end, pad):
        sides = []
        for side in (inputs, targets):
            made = [side(row, begin, end) for row in rows]
            longest = max(map(len, made))
            empty = [[pad if fill is None else fill] * (longest - len(row)) for row in made]
            sides.append(torch.tensor([e + r if left else r + e for r, e in zip(made, empty, strict=True)]))
        return tuple(sides)

    return batch


def with_begin(row, begin, end):
    return [begin, *row]


def with_end(row, begin, end):
    return [*row, end]


def with_both(row, begin, end):
    return [begin, *row, end]


def bare(row, begin, end):
    return row


def writing(fed=lambda token, begin: token, kept=lambda new, first: new, pick=torch.argmax, most=0, after=None):
    def write(model, source, begin, end, limit):
        first = state = model.start(torch.tensor([source]), torch.tensor([len(source)]))
        tokens = [begin]
        while len(tokens) <= limit + most:
            logits, state = model.step(torch.tensor([fed(tokens[-1], begin)]), state)
            state = kept(state, first)
            tokens.append(pick(logits[0]).item())
            if tokens[-1] == end:
                return (after or (lambda whole: whole[1:-1]))(tokens)
        return tokens[0 if after and after([1, 2, 3])[0] == 1 else 1 :]

    return write


def by_library(model, source, begin, end, most):
    config = GenerationConfig(temperature=0, max_new_tokens=most, begin_token=begin, end_token=end)
    return generate(model, [source], config)[0]


def endless(model, source, begin, end, most):
    return writing()(model, source, begin, -1, most)


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
    hide=lambda s, m: s.masked_fill(~m, -torch.inf), bend=torch.tanh, end=lambda s: s.softmax(1), mix=torch.add
):
    def weights(query, keys, W, U, v, mask):
        return end(hide(bend(mix((query @ W.T)[:, None], keys @ U.T)) @ v, mask))

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


RIGHT = {
    "clipped_precision": [by_crossing_out, by_counters],
    "brevity_penalty": [by_case, lambda c, r: np.exp(np.minimum(0, 1 - r / c))],
    "teacher_forcing": [
        forced_by_padding,
        forced_by_cutting,
        forced(with_begin, with_end),
        lambda *given: list(forced(with_begin, with_end)(*given)),
        lambda *given: tuple(side.tolist() for side in forced(with_begin, with_end)(*given)),
    ],
    "greedy": [by_library, recursive, writing(), lambda *given: torch.tensor(by_library(*given))],
    "additive_weights": [weights_by_library, weights_by_loop, weights_by_lowest, looking()],
    "beam_step": [by_heap, by_numpy, with_tensors],
}
WRONG = {
    "clipped_precision": [
        (unclipped, "clip: an n-gram"),
        (lambda h, r, n: by_counters(r, h, n), "this is the recall"),
        (of_sets, "as sets do"),
        (lambda h, r, n: undivided(h, r, n) / len(h), "fewer than its words"),
        (lambda h, r, n: by_counters(h[:-1], r[:-1], n), "the last n-gram is missing"),
        (lambda h, r, n: by_counters(h, r, 1), "whatever n is"),
        (lambda h, r, n: 100 * by_counters(h, r, n), "not a percentage"),
        (undivided, "this is a count"),
        (lambda h, r, n: sum(map(str.__eq__, h, r)) / len(h), "not in its own place"),
        (lambda h, r, n: undivided(h, r, n) / len(grams(h, n)), "fewer words than n"),
        (lambda h, r, n: grams(h, n), "one number is expected"),
    ],
    "brevity_penalty": [
        (lambda c, r: min(1, math.exp(1 - c / r)), "punishes the long"),
        (lambda c, r: 1 if c < r else math.exp(1 - c / r), "punishes the long"),
        (lambda c, r: math.exp(1 - r / c), "rewarded"),
        (lambda c, r: min(1, c / r), "straight line"),
        (lambda c, r: min(1, math.exp(-r / c)), "1 - r / c in the exponent"),
        (lambda c, r: min(0, 1 - r / c), "this is the exponent"),
        (lambda c, r: math.exp(-abs(1 - r / c)), "only the too short"),
        (lambda c, r: max(1, math.exp(1 - r / c)), "not `max`"),
        (lambda c, r: r / c, "expected"),
    ],
    "teacher_forcing": [
        (forced(with_begin, with_begin), "Shift by one"),
        (forced(with_end, with_end), "Shift by one"),
        (forced(with_both, with_both), "Shift by one"),
        (forced(with_end, with_begin), "swapped"),
        (forced(lambda row, b, e: [b, *row[:-1]], bare), "END is missing"),
        (forced(with_both, lambda row, b, e: [*row, e, e]), "END is never an input"),
        (forced(bare, lambda row, b, e: [*row[1:], e]), "BEGIN is missing"),
        (forced(with_begin, with_end, left=True), "in front"),
        (forced(with_begin, with_end, fill=0), "fill up with `pad`"),
        (lambda *given: forced(with_begin, with_end)(*given)[0], "the targets are missing"),
        (lambda rows, b, e, pad: ([[b, *row] for row in rows], [[*row, e] for row in rows]), "equally long"),
        (lambda rows, *given: forced(with_begin, with_end)([row[::-1] for row in rows], *given), "expected"),
    ],
    "greedy": [
        (writing(after=lambda whole: whole[1:]), "END is a sign"),
        (lambda m, s, b, e, most: [b, *by_library(m, s, b, e, most)], "BEGIN opens"),
        (endless, "END must not stop"),
        (writing(fed=lambda token, begin: begin), "feed the token back"),
        (writing(kept=lambda new, first: first), "hand the new state on"),
        (writing(most=1), "one token too many"),
        (writing(most=-1), "one token too early"),
        (writing(pick=torch.argmin), "least likely"),
        (unbatched, "a batch of one token"),
        (lambda m, s, b, e, most: m.start(torch.tensor(s), torch.tensor(len(s))), "start takes a batch"),
    ],
    "additive_weights": [
        (looking(end=lambda s: s.softmax(0).nan_to_num()), "not over the sentences"),
        (looking(hide=lambda s, m: s), "padding is attended"),
        (masked_late, "no longer sum to 1"),
        (looking(hide=lambda s, m: s * m), "a score of 0"),
        (looking(hide=lambda s, m: s.masked_fill(m, -torch.inf)), "turned round"),
        (looking(bend=lambda a: a), "the tanh is missing"),
        (looking(bend=torch.sigmoid), "a sigmoid stands"),
        (looking(mix=torch.mul), "not multiplied"),
        (looking(mix=lambda q, k: k), "the query plays no part"),
        (looking(end=lambda s: s), "these are the scores"),
        (looking(end=torch.sigmoid), "a sigmoid of each score"),
        (looking(end=lambda s: s.log_softmax(1)), "logarithms of weights"),
        (context, "this is the context"),
        (lambda *given: looking()(*given[:4], torch.ones(7), given[5]), "v is missing"),
        (lambda *given: looking()(*given).tolist(), "a tensor is expected"),
    ],
    "beam_step": [
        (ranked(lambda score, value: value), "is forgotten"),
        (ranked(lambda score, value: score + math.exp(value)), "add log p to log p"),
        (ranked(lambda score, value: math.exp(score + value)), "which of long answers become 0"),
        (ranked(lambda score, value: score * value), "only probabilities are multiplied"),
        (ranked(lambda score, value: score + value, sign=-1), "these are the worst"),
        (one_of_each, "one continuation of each beam"),
        (k_of_each, "k continuations of each beam"),
        (lambda *given: by_heap(*given)[::-1], "rising order"),
        (lambda *given: [tokens for tokens, _ in by_heap(*given)], "return pairs"),
        (lambda *given: [(tokens[-1:], score) for tokens, score in by_heap(*given)], "own tokens belong to it"),
        (lambda *given: [(t, score / len(t)) for t, score in by_heap(*given)], "all are equally long"),
        (lambda *given: [(tokens[-1], score) for tokens, score in by_heap(*given)], "expected"),
    ],
}
