"""Exercises of the notebook seq2seq_attention."""

import math
from collections import Counter

import numpy as np
import torch
from torch import Generator
from torch.nn import functional as F

from classroom.answers import Mistake
from classroom.exercise import case, exercise

__all__ = ["additive_weights", "beam_step", "brevity_penalty", "clipped_precision", "greedy", "teacher_forcing"]


def _letters(seed, *lengths):
    generator = Generator().manual_seed(seed)
    return [["abcd"[letter] for letter in torch.randint(4, (length,), generator=generator)] for length in lengths]


def _every(words, n, starts):
    return Counter(tuple(words[start : start + n]) for start in starts)


def _grams(words, n):
    return _every(words, n, range(len(words) - n + 1))


@exercise(
    praise="'the the the cat' gets 3 of 4: the third 'the' gains nothing.",
    cases=lambda seed: [
        ("the the the cat".split(), "the cat sat on the mat".split(), 1),
        ("I loue it and loue it".split(), "I love it and loue it so".split(), 2),
        ("a b a b a b".split(), "a b c a b".split(), 2),
        (*_letters(seed, 9, 7), 1),
        (*_letters(seed + 1, 11, 8), 2),
        (*_letters(seed + 2, 17, 23), 3),
        case(["yes"], ["yes", "sir"], 2, edge="fewer words than n"),
        case([], ["yes", "sir"], 1, edge="an empty hypothesis"),
        case("the cat sat".split(), ["cat"], 2, edge="a reference of fewer words than n"),
        case("a b".split(), "a b a b".split(), 2, edge="exactly n words"),
    ],
    wrong={
        "with fewer words than n no n-gram matches: return 0.0.": [{"none": 1.0}, {"none": math.nan}],
        "clip: an n-gram matches at most as often as it occurs in the reference.": {
            "matches": lambda ours, theirs: sum(count for gram, count in ours.items() if gram in theirs)
        },
        "you take the larger of the two counts: an n-gram matches at most as often as in each of them.": [
            {"matches": lambda ours, theirs: sum(max(ours[gram], theirs[gram]) for gram in ours if gram in theirs)},
            {"matches": lambda ours, theirs: (ours | theirs).total()},
        ],
        "you count the matches in the reference: count those in the hypothesis, each at most as often as in the reference.": {
            "matches": lambda ours, theirs: sum(theirs[gram] for gram in ours)
        },
        "you count each n-gram once, as sets do: count how often it occurs.": {
            "matches": lambda ours, theirs: len(ours & theirs),
            "out_of": lambda ours, theirs, *words: len(ours),
        },
        "a repeated n-gram matches once only, as in a set: it may match as often as it occurs in the reference.": {
            "matches": lambda ours, theirs: len(ours & theirs)
        },
        "you divide by the number of different n-grams: divide by the number of all of them.": {"out_of": lambda ours, theirs, *words: len(ours)},
        "this is the recall, the share of the reference: precision asks what share of the *hypothesis* matches.": [
            {"out_of": lambda ours, theirs, *words: theirs.total()},
            {"out_of": lambda ours, theirs, hypothesis, reference: len(reference)},
        ],
        "divide by the number of n-grams in the hypothesis: there are fewer of them than words.": {
            "out_of": lambda ours, theirs, hypothesis, reference: len(hypothesis)
        },
        "the number of n-grams is off by one: there are len(hypothesis) - n + 1.": [
            {"out_of": lambda ours, theirs, *words: ours.total() - 1 or math.inf},
            {"out_of": lambda ours, theirs, *words: ours.total() + 1},
        ],
        "divide by the number of n-grams in the hypothesis alone: the reference's length plays no part.": [
            {"out_of": lambda ours, theirs, *words: max(ours.total(), theirs.total())},
            {"out_of": lambda ours, theirs, *words: min(ours.total(), theirs.total())},
            {"out_of": lambda ours, theirs, *words: (ours.total() + theirs.total()) / 2},
            {"out_of": lambda ours, theirs, *words: (ours | theirs).total()},
            {"out_of": lambda ours, theirs, *words: len(ours | theirs)},
        ],
        "this is a count: divide it by the number of n-grams in the hypothesis.": {"out_of": lambda ours, theirs, *words: 1},
        "the last n-gram is missing: there are len(words) - n + 1.": {"grams": lambda words, n: _every(words, n, range(len(words) - n))},
        "the first n-gram is missing: begin at index 0.": {"grams": lambda words, n: _every(words, n, range(1, len(words) - n + 1))},
        "the last of your n-grams have fewer than n words: stop at len(words) - n + 1.": {"grams": lambda words, n: _every(words, n, range(len(words)))},
        "n-grams overlap: each word begins one, as long as n words are left.": {"grams": lambda words, n: _every(words, n, range(0, len(words) - n + 1, n))},
        "you compare single words whatever n is: take n in a row.": {"grams": lambda words, n: _grams(words, 1)},
        "your n-grams have n + 1 words: take n in a row.": {"grams": lambda words, n: _grams(words, n + 1)},
        "the order of the words within an n-gram counts.": {"grams": lambda words, n: Counter(tuple(sorted(gram)) for gram in _grams(words, n).elements())},
        "an n-gram consists of n words: yours consist of characters.": {"grams": lambda words, n: _grams(" ".join(words), n)},
        "an n-gram may match anywhere in the reference, not only at its own position.": [
            lambda hypothesis, reference, n: sum(ours == theirs for ours, theirs in zip(hypothesis, reference, strict=False)) / len(hypothesis),
            lambda hypothesis, reference, n: (
                sum(hypothesis[start : start + n] == reference[start : start + n] for start in range(len(hypothesis) - n + 1)) / (len(hypothesis) - n + 1)
            ),
        ],
        "a share from 0 to 1 is wanted, not a percentage.": {"end": lambda share: 100 * share},
        "this is the share of n-grams that do not match.": {"end": lambda share: 1 - share},
        "the length is not penalised here: the brevity penalty is a factor of its own.": lambda ours, theirs, n: (
            clipped_precision.right(ours, theirs, n) * min(1, math.exp(1 - len(theirs) / len(ours)))
        ),
        "only n-grams of n words count: the shorter ones get a precision of their own.": lambda ours, theirs, n: (
            sum(clipped_precision.right(ours, theirs, m) for m in range(1, n + 1)) / n
        ),
    },
)
def clipped_precision(
    hypothesis,
    reference,
    n,
    *,
    grams=_grams,
    matches=lambda ours, theirs: (ours & theirs).total(),
    out_of=lambda ours, theirs, hypothesis, reference: ours.total(),
    none=0.0,
    end=lambda share: share,
):
    """The share of the hypothesis' n-grams that match, each at most as often as the reference has it."""
    ours, theirs = grams(hypothesis, n), grams(reference, n)
    return end(matches(ours, theirs) / out_of(ours, theirs, hypothesis, reference) if ours else none)


@exercise(
    praise="nine words for ten cost a tenth, five for ten almost two thirds.",
    cases=lambda seed: [
        (9, 10),
        (5, 10),
        (20, 10),
        case(10, 10, edge="equal lengths"),
        case(3, 11, edge="an answer less than half as long as the reference"),
        case(31, 10, edge="an answer more than twice as long as the reference"),
        *map(tuple, torch.randint(5, 60, (2, 2), generator=Generator().manual_seed(seed)).tolist()),
        *((c, r + 60) for c, r in torch.randint(5, 60, (2, 2), generator=Generator().manual_seed(seed + 1)).tolist()),
    ],
    wrong={
        "the ratio in the exponent is upside down: the reference's length belongs in the numerator, so that short answers are penalised.": [
            {"exponent": lambda length, reference: 1 - length / reference},
            lambda length, reference: 1.0 if length >= reference else math.exp(1 - length / reference),
        ],
        "short answers are not penalised: their exponent must be negative.": [
            {"exponent": lambda length, reference: 1 + reference / length},
            lambda length, reference: 1.0,
        ],
        "the sign of the exponent is reversed: it is negative where the answer is too short.": {"exponent": lambda length, reference: reference / length - 1},
        "divide by the length of the answer, not of the reference.": {"exponent": lambda length, reference: length / reference - 1},
        "the two lengths are not divided: the exponent holds their ratio.": [
            {"exponent": lambda length, reference: length - reference},
            {"exponent": lambda length, reference: 1 - reference},
        ],
        "`//` divides to whole numbers: use `/`.": {"exponent": lambda length, reference: 1 - reference // length},
        "the 1 is missing in the exponent: equal lengths must give exp(0) = 1.": {"exponent": lambda length, reference: -reference / length},
        "only short answers are penalised: at the reference's length and beyond, the factor is 1.": {
            "exponent": lambda length, reference: -abs(1 - reference / length)
        },
        "a long answer is rewarded: the factor is never more than 1.": {"limit": lambda factor: factor},
        "take the smaller of the two, min, not max: the factor is at most 1.": {"limit": lambda factor: max(1.0, factor)},
        "an answer that is long enough gets the factor 1, not 0.": [
            {"limit": lambda factor: min(0.0, factor)},
            lambda length, reference: 0.0 if length >= reference else math.exp(1 - reference / length),
        ],
        "this falls in a straight line: the factor is an exponential.": {
            "exponent": lambda length, reference: length / reference,
            "power": lambda ratio: ratio,
        },
        "this is the ratio of the lengths: the factor is an exponential of it.": [
            lambda length, reference: reference / length,
            lambda length, reference: min(1.0, reference / length),
        ],
        "this is the exponent: take exp of it.": [
            {"power": lambda exponent: exponent},
            {"power": lambda exponent: exponent, "limit": lambda factor: max(0.0, factor)},
            {"power": lambda exponent: exponent, "limit": lambda factor: min(0.0, factor)},
        ],
        "the base of the power is e, not 2 or 10.": [
            {"power": lambda exponent: 2**exponent},
            {"power": lambda exponent: 10**exponent},
        ],
        "a short answer gets a factor above 0: the shorter it is, the smaller.": lambda length, reference: float(length >= reference),
        "this is 1 minus the factor.": lambda length, reference: 1 - min(1.0, math.exp(1 - reference / length)),
        "the whole exponent belongs in brackets: exp(...) of 1 minus the ratio.": [
            {"exponent": lambda length, reference: (1 - reference) / length},
            lambda length, reference: min(1.0, math.e - reference / length),
            lambda length, reference: min(1.0, math.exp(1) - reference / length),
        ],
    },
)
def brevity_penalty(
    length,
    reference,
    *,
    exponent=lambda length, reference: 1 - reference / length,
    power=math.exp,
    limit=lambda factor: min(1.0, factor),
):
    """The factor for answers that are too short; never more than 1."""
    return limit(power(exponent(length, reference)))


def _opened(row, begin, end):
    return [begin, *row]


def _closed(row, begin, end):
    return [*row, end]


def _both(row, begin, end):
    return [begin, *row, end]


def _bare(row, begin, end):
    return row


def _common(side, sides, rows):
    return max(len(row) for side in sides for row in side)


def _own(side, sides, rows):
    return max(map(len, side))


def _right_fill(row, pad, width):
    return (row + [pad] * width)[:width]


def _end_after_padding(rows, begin, end, pad):
    longest = max(map(len, rows))
    filled = torch.tensor([_right_fill(row, pad, longest) for row in rows])
    return F.pad(filled, (1, 0), value=begin), F.pad(filled, (0, 1), value=end)


@exercise(
    praise="each target is the token that follows its input.",
    cases=lambda seed: [
        ([[7, 8, 9], [5]], 1, 2, 0),
        ([*torch.randint(4, 9, (2, 5), generator=Generator().manual_seed(seed)).tolist(), [4, 8], [6, 5, 4]], 1, 2, 0),
        case([[5, 6], [7, 4, 8, 4], [6]], 3, 1, 2, edge="a `pad` other than 0"),
        case([[4, 5, 6], [6, 4, 7]], 1, 2, 0, edge="rows of equal length"),
        case([[4, 4, 7, 5]], 2, 3, 1, edge="a single row"),
    ],
    wrong={
        "inputs and targets are the same, so the model would learn to repeat what it is shown: shift them by one.": [
            {"inputs": side, "targets": side} for side in (_opened, _closed, _both, _bare)
        ],
        "inputs and targets are swapped: BEGIN belongs in the inputs, END in the targets.": {"results": lambda inputs, targets: (targets, inputs)},
        "END is missing in the targets: the model would never learn to stop.": [
            {"targets": _bare},
            {"inputs": lambda row, begin, end: [begin, *row[:-1]], "targets": _bare},
        ],
        "BEGIN is missing in the inputs: the first token needs something to follow.": [
            {"inputs": _bare},
            {"inputs": _bare, "width": _own},
            {"inputs": _bare, "targets": lambda row, begin, end: [*row[1:], end]},
        ],
        "END is not an input: no token follows it, so leave it out there.": [
            {"inputs": _both},
            {"inputs": _both, "width": _own},
            {"inputs": _both, "targets": lambda row, begin, end: [*row, end, end]},
        ],
        "END stays in the inputs of the shorter rows: cut it off before you fill the rows up with `pad`.": {
            "inputs": _both,
            "width": lambda side, sides, rows: max(map(len, rows)) + 1,
        },
        "BEGIN is not a target: it is given, not predicted.": [
            {"targets": _both},
            {"targets": _both, "width": _own},
        ],
        "BEGIN and END are swapped: BEGIN opens the inputs, END closes the targets.": {
            "inputs": lambda row, begin, end: [end, *row],
            "targets": lambda row, begin, end: [*row, begin],
        },
        "BEGIN and END are missing: the inputs open with BEGIN, the targets close with END.": {
            "inputs": lambda row, begin, end: row[:-1],
            "targets": lambda row, begin, end: row[1:],
        },
        "the last token of a row is missing in the inputs: END must follow it.": [
            {"inputs": lambda row, begin, end: [begin, *row[:-1]], "width": width} for width in (_common, _own)
        ],
        "END must follow a row's last token directly; the padding comes after it.": _end_after_padding,
        "the padding comes first: it belongs on the right, after the tokens.": {"fill": lambda row, pad, width: [pad] * (width - len(row)) + row},
        "fill up with `pad`, which need not be 0.": {"fill": lambda row, pad, width: _right_fill(row, 0, width)},
        "the shorter rows are filled up with a token: fill them up with `pad`.": [
            {"fill": lambda row, pad, width: _right_fill(row, row[-1], width)},
            {"fill": lambda row, pad, width: _right_fill(row, row[0], width)},
        ],
        "fill up with `pad`, not with -100.": {"fill": lambda row, pad, width: _right_fill(row, -100, width)},
        "there is a column of padding too many: the longest row needs none.": {"width": lambda side, sides, rows: _own(side, sides, rows) + 1},
        "the longest row is cut off: with BEGIN or END it is one token longer.": {"width": lambda side, sides, rows: max(map(len, rows))},
        "all rows are cut to the length of the shortest: fill them up to the longest.": {"width": lambda side, sides, rows: min(map(len, side))},
        "the rows of a tensor are equally long: fill the shorter ones up with `pad`.": lambda rows, begin, end, pad: (
            [[begin, *row] for row in rows],
            [[*row, end] for row in rows],
        ),
        "yours is transposed: a row for each sentence, (batch, time).": {"results": lambda inputs, targets: (inputs.T, targets.T)},
        "return two tensors: the targets are missing.": {"results": lambda inputs, targets: inputs},
        "return two tensors: the inputs are missing.": {"results": lambda inputs, targets: targets},
        "return two tensors, the inputs and the targets: yours are joined into one.": [
            {"results": lambda inputs, targets: torch.cat([inputs, targets])},
            {"results": lambda inputs, targets: torch.cat([inputs, targets], dim=1)},
        ],
        "the targets are shifted by two: each target is the token right after its input.": {"targets": lambda row, begin, end: [*row[1:], end, end]},
    },
)
def teacher_forcing(
    rows,
    begin,
    end,
    pad,
    *,
    inputs=_opened,
    targets=_closed,
    width=_common,
    fill=_right_fill,
    results=lambda inputs, targets: (inputs, targets),
):
    """The decoder's inputs and its targets, two tensors (batch, time)."""
    sides = [[side(row, begin, end) for row in rows] for side in (inputs, targets)]
    return results(*(torch.tensor([fill(row, pad, width(side, sides, rows)) for row in side]) for side in sides))


class _Toy:
    """A model with start and step whose next token depends on the last one, on the source and on the steps so far."""

    def __init__(self, seed, end, ends):
        self.tables = torch.randn(20, 7, 7, generator=Generator().manual_seed(seed))
        self.tables[:, :, end] = -9.0
        self.tables[ends, :, end] = 9.0
        self.ends = ends

    def __repr__(self):
        return f"a model that writes END after {self.ends} tokens"

    def start(self, source, lengths):
        if getattr(source, "ndim", 0) != 2 or getattr(lengths, "shape", None) != source.shape[:1]:
            raise Mistake("`start` takes a batch: the source as a tensor (1, S), and its length as a tensor (1,).")
        if lengths.tolist() != [source.shape[1]]:
            raise Mistake("the second input of `start` is the number of tokens of the source, as a tensor (1,).")
        return int((source[0] * torch.arange(1, len(source[0]) + 1)).sum()) % 5, 0

    def step(self, tokens, state):
        if getattr(tokens, "shape", None) != (1,):
            raise Mistake("`step` takes a batch of one token: torch.tensor([token]).")
        which, done = state
        return self.tables[min(done, 19)].roll(which, 0)[tokens], (which, done + 1)


def _toys(seed):
    yield _Toy(seed, end=2, ends=4), [3, 4], 1, 2, 8
    yield _Toy(seed + 1, end=2, ends=6), [5], 1, 2, 8
    yield _Toy(seed + 4, end=0, ends=3), [3, 1, 3], 5, 0, 5
    yield case(_Toy(seed + 2, end=2, ends=15), [6, 6, 3], 1, 2, 8, edge="an answer without END within `most` tokens")
    yield case(_Toy(seed + 5, end=0, ends=18), [4], 5, 0, 5, edge="an answer without END within `most` tokens")
    yield case(_Toy(seed + 6, end=2, ends=3), [4, 5], 1, 2, 3, edge="END directly after `most` tokens")
    yield case(_Toy(seed + 3, end=2, ends=0), [4], 1, 2, 8, edge="END as the first token")


def _as_numbers(tokens):
    """A list of numbers where it holds tensors of one token each."""
    if not isinstance(tokens, list):
        return tokens
    return [token.item() if isinstance(token, np.ndarray) and token.size == 1 else token for token in tokens]


def _past_the_end(model, source, begin, end, most):
    tokens = greedy.right(model, source, begin, end, most, ends=lambda token, begin, end: False)
    return [token for token in tokens if token != end]


def _without_end(tokens, ended):
    return tokens[1:-1] if ended else tokens[1:]


@exercise(
    praise="one token in, one token out, and the state goes along.",
    form=_as_numbers,
    cases=lambda seed: list(_toys(seed)),
    wrong={
        "END is a signal to stop, not part of the answer.": {"result": lambda tokens, ended: tokens[1:]},
        "BEGIN opens the answer, but is not part of it.": {"result": lambda tokens, ended: tokens[:-1] if ended else tokens},
        "neither BEGIN nor END is part of the answer.": {"result": lambda tokens, ended: tokens},
        "append the token that the model has just written, not the one that you fed to it.": {"result": lambda tokens, ended: tokens[:-1]},
        "the first token is lost.": {"result": lambda tokens, ended: _without_end(tokens[1:], ended)},
        "only the last token comes back: return all that were written.": {"result": lambda tokens, ended: _without_end(tokens, ended)[-1:]},
        "the decoder goes on after END: leave the loop there.": {"ends": lambda token, begin, end: False},
        "END is left out, but the decoder goes on after it: leave the loop there.": _past_the_end,
        "the answer ends at `end`, not at `begin`.": {"ends": lambda token, begin, end: token == begin},
        "the answer ends at `end`, which need not be a fixed number such as 0 or 2.": [
            {"ends": lambda token, begin, end: token == 0},
            {"ends": lambda token, begin, end: token == 2},
        ],
        "feed the token that was just written back: yours steps with BEGIN each time.": {"fed": lambda tokens, end: tokens[0]},
        "the first token to feed is BEGIN: you begin with END.": {"fed": lambda tokens, end: tokens[-1] if len(tokens) > 1 else end},
        "you feed the token before the last: feed the one that was just written.": {"fed": lambda tokens, end: tokens[-2:][0]},
        "hand the new state on: each of your steps begins from the first state.": {"kept": lambda state, first: first},
        "you write one token too many: at most `most`.": {"limit": lambda most: most + 1},
        "you stop one token too early: `most` of them are allowed, and only END is left out.": [
            {"limit": lambda most: most - 1},
            {"result": lambda tokens, ended: tokens[1:-1]},
        ],
        "the limit is missing: stop after `most` tokens.": {"limit": lambda most: 50},
        "you write a single token: repeat the step until END or `most` tokens.": {"limit": lambda most: 1},
        "you take the least likely token: take the most likely one.": {"pick": torch.argmin},
        "you take the second most likely token: take the most likely one.": {"pick": lambda logits: logits.topk(2).indices[1]},
    },
)
def greedy(
    model,
    source,
    begin,
    end,
    most,
    *,
    fed=lambda tokens, end: tokens[-1],
    kept=lambda state, first: state,
    pick=torch.argmax,
    ends=lambda token, begin, end: token == end,
    limit=lambda most: most,
    result=_without_end,
):
    """The likeliest token each time, until END or `most` tokens."""
    first = state = model.start(torch.tensor([source]), torch.tensor([len(source)]))
    tokens = [begin]
    for _ in range(limit(most)):
        logits, state = model.step(torch.tensor([fed(tokens, end)]), kept(state, first))
        tokens.append(int(pick(logits[0])))
        if ends(tokens[-1], begin, end):
            return result(tokens, True)
    return result(tokens, False)


def _attention(seed, mask, Q=3, K=5, A=7):
    mask = torch.tensor(mask, dtype=torch.bool)
    generator = Generator().manual_seed(seed)
    shapes = ((len(mask), Q), (*mask.shape, K), (A, Q), (A, K), (A,))
    return (*(torch.randn(shape, generator=generator) for shape in shapes), mask)


@exercise(
    praise="they sum to 1 over the keys, and padding gets none.",
    cases=lambda seed: [
        _attention(seed, [[1, 1, 0]], Q=1, K=2, A=2),
        _attention(seed + 1, [[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]),
        _attention(seed + 2, [[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 1, 0]], Q=7, K=3, A=5),
        case(*_attention(seed + 3, [[0, 0, 1, 1, 1], [0, 1, 1, 1, 1]]), edge="padding on the left"),
        case(*_attention(seed + 4, [[1, 0, 1, 0, 1]]), edge="padding between the keys"),
        case(*_attention(seed + 5, [[1, 1, 1], [1, 1, 1]]), edge="no padding"),
        case(*_attention(seed + 6, [[1], [1]]), edge="a single key"),
    ],
    wrong={
        "the weights of one sentence must sum to 1: take the softmax over its keys (dim=1), not over the sentences.": {
            "normalised": lambda scores: scores.softmax(0).nan_to_num()
        },
        "the softmax runs over the components: it belongs at the end, over the keys.": {"bend": lambda a: a.tanh().softmax(-1)},
        "all sentences share one softmax: take it over the keys of each sentence (dim=1).": {
            "normalised": lambda scores: scores.flatten().softmax(0).view_as(scores)
        },
        "padding is attended: where the mask is False, the score must become -inf before the softmax.": {"hidden": lambda scores, mask: scores},
        "padding has no weight, but the others no longer sum to 1: mask the scores, before the softmax.": {
            "hidden": lambda scores, mask: scores,
            "after": lambda weights, mask: weights * mask,
        },
        "a score of 0 still has a weight, as exp(0) = 1: the score of padding must be -inf.": [
            {"hidden": lambda scores, mask: scores * mask},
            {"hidden": lambda scores, mask: scores.masked_fill(~mask, -1.0)},
        ],
        "the mask is added to the scores: where it is False, the score must become -inf.": {"hidden": lambda scores, mask: scores + mask.float()},
        "the score of padding is +inf: it must be -inf, whose exponential is 0.": {"hidden": lambda scores, mask: scores.masked_fill(~mask, math.inf)},
        "the mask is inverted: True marks the real keys.": [
            {"hidden": lambda scores, mask: scores.masked_fill(mask, -math.inf)},
            {"hidden": lambda scores, mask: scores - 1e9 * mask},
            {"hidden": lambda scores, mask: scores, "after": lambda weights, mask: weights * ~mask},
        ],
        "padding gets the weight -inf: mask the scores, before the softmax.": {
            "hidden": lambda scores, mask: scores,
            "after": lambda weights, mask: weights.masked_fill(~mask, -math.inf),
        },
        "the tanh is missing: it belongs around the sum of the two products, before v.": {"bend": lambda a: a},
        "the nonlinearity is tanh, not another one.": [
            {"bend": torch.sigmoid},
            {"bend": torch.relu},
            {"bend": torch.sin},
        ],
        "the tanh comes after v: it belongs on each component, before v.": {
            "bend": lambda a: a,
            "scored": lambda a, v: (a @ v).tanh(),
        },
        "there are two tanh: only the sum inside gets one.": {"scored": lambda a, v: (a @ v).tanh()},
        "the query plays no part in your weights: W times the query and U times the key are added inside one tanh.": [
            {"mix": lambda q, k: k},
            {"mix": lambda q, k: q.tanh() + k.tanh(), "bend": lambda a: a},
        ],
        "the keys play no part, so all real keys have the same weight: add U times the key to W times the query.": {"mix": lambda q, k: q + 0 * k},
        "every sentence has its own query: yours uses the first one for all.": {"mix": lambda q, k: q[:1] + k},
        "the two are added, not multiplied.": {"mix": torch.mul},
        "this is the dot product of W times the query and U times the key: add them, and weight their tanh with v.": {
            "mix": torch.mul,
            "bend": lambda a: a,
            "scored": lambda a, v: a.sum(-1),
        },
        "the two are added, not subtracted.": [{"mix": torch.sub}, {"mix": lambda q, k: k - q}],
        "v is missing: it weights the components of the tanh.": [
            {"scored": lambda a, v: a.sum(-1)},
            {"scored": lambda a, v: a.mean(-1)},
        ],
        "the scores of additive attention are not divided by the root of the width.": {"scored": lambda a, v: a @ v / math.sqrt(len(v))},
        "the sign of the scores is reversed.": {"scored": lambda a, v: -a @ v},
        "these are the scores: take their softmax over the keys.": {"normalised": lambda scores: scores},
        "this is a sigmoid of each score: the weights of a sentence must sum to 1 (softmax).": {"normalised": torch.sigmoid},
        "these are the exponentials: divide them by their sum, as the softmax does.": {"normalised": torch.exp},
        "the scores are divided by their sum: take the softmax.": {
            "hidden": lambda scores, mask: scores * mask,
            "normalised": lambda scores: scores / scores.sum(1, keepdim=True),
        },
        "these are logarithms of weights: softmax, not log_softmax.": {"normalised": lambda scores: scores.log_softmax(1)},
        "all the weight is on the best key: the softmax gives every real key some.": {
            "normalised": lambda scores: F.one_hot(scores.argmax(1), scores.shape[1]).float()
        },
        "this is the context already: return the weights.": lambda *inputs: (additive_weights.right(*inputs)[..., None] * inputs[1]).sum(1),
    },
)
def additive_weights(
    query,
    keys,
    W,
    U,
    v,
    mask,
    *,
    mix=torch.add,
    bend=torch.tanh,
    scored=torch.matmul,
    hidden=lambda scores, mask: scores.masked_fill(~mask, -math.inf),
    normalised=lambda scores: scores.softmax(1),
    after=lambda weights, mask: weights,
):
    """How much each query looks at each of its keys."""
    scores = scored(bend(mix((query @ W.T)[:, None], keys @ U.T)), v)
    return after(normalised(hidden(scores, mask)), mask)


def _beams(seed, scores, V, k):
    log_p = (2 * torch.randn(len(scores), V, generator=Generator().manual_seed(seed))).log_softmax(1)
    return [([row, V, 1][: 2 + row % 2], score) for row, score in enumerate(scores)], log_p, k


def _each(beams, log_p, k):
    """The k best continuations of each beam by itself."""
    return [kept for beam, row in zip(beams, log_p, strict=True) for kept in beam_step.right([beam], row[None], min(k, len(row)))]


def _unsorted(beams, log_p):
    """All continuations in the order of the beams, and of the tokens."""
    every = beam_step.right(beams, log_p, log_p.numel())
    return sorted(every, key=lambda beam: ([tokens for tokens, _ in beams].index(beam[0][:-1]), beam[0][-1]))


def _per_token(totals, log_p, beams):
    lengths = torch.tensor([len(tokens) + 1 for tokens, _ in beams])
    return totals / lengths.repeat_interleave(log_p.shape[1])


def _best_first(beams):
    return sorted(beams, key=lambda beam: -beam[1])


@exercise(
    praise="both of the best continue one beam: the other is dropped.",
    cases=lambda seed: [
        ([([1], -0.1), ([3], -2.5)], torch.tensor([[0.2, 0.5, 0.3], [0.8, 0.15, 0.05]]).log(), 2),
        _beams(seed, [-0.3, -1.1, -1.2, -1.4], 5, 3),
        _beams(seed + 1, [-0.5, -0.9, -1.0], 7, 3),
        case(*_beams(seed + 2, [-0.4, -0.7], 5, 4), edge="a `k` larger than the number of beams"),
        case(*_beams(seed + 3, [-1.3, -0.2, -0.8], 5, 3), edge="beams that are not sorted"),
        case(*_beams(seed + 4, [-0.2], 5, 3), edge="a single beam"),
    ],
    wrong={
        "the beam's own ln p is forgotten: add it to the token's.": {"total": lambda old, row: row},
        "the token's ln p is forgotten: add it to the beam's.": {"total": lambda old, row: old + 0 * row},
        "you add a probability to a logarithm: add ln p to ln p.": {"total": lambda old, row: old + row.exp()},
        "these are probabilities, which become 0 for long answers: add logarithms.": {"total": lambda old, row: (old + row).exp()},
        "the logarithms are multiplied: only probabilities are, so add the logarithms.": {"total": torch.mul},
        "the beam's ln p is subtracted: add it.": {"total": lambda old, row: row - old},
        "do not average the two: ln p of all tokens together is the sum.": {"total": lambda old, row: (old + row) / 2},
        "these are the worst: the best ln p is the largest, which is nearest to 0.": {"rank": lambda totals, log_p, beams: -totals},
        "you rank by the token's ln p alone: rank by ln p of all tokens.": {"rank": lambda totals, log_p, beams: log_p.flatten()},
        "the sign of ln p is lost: it is negative.": {"result": lambda tokens, score, old: (tokens, -score)},
        "the ranking is right, but the score that you return is the token's alone: return that of all tokens.": {
            "result": lambda tokens, score, old: (tokens, score - old)
        },
        "the ranking is right, but the score that you return is the beam's old one: add the token's ln p.": {
            "result": lambda tokens, score, old: (tokens, old)
        },
        "do not divide ln p by the length: rank by it, and return it, as it is.": [
            {"result": lambda tokens, score, old: (tokens, score / len(tokens))},
            {"rank": _per_token},
            {"rank": _per_token, "result": lambda tokens, score, old: (tokens, score / len(tokens))},
        ],
        "one continuation of each beam is not enough: the best k of *all* may continue one beam.": [
            lambda beams, log_p, k: _best_first(_each(beams, log_p, 1))[:k],
            lambda beams, log_p, k: _each(beams, log_p, 1),
        ],
        "k continuations of each beam are too many: keep the best k of all.": [
            _each,
            lambda beams, log_p, k: _best_first(_each(beams, log_p, k)),
        ],
        "only one of the beams is continued: the best k of the continuations of all beams are wanted.": [
            lambda beams, log_p, k: _each(beams[:1], log_p[:1], k),
            lambda beams, log_p, k: _each(beams[-1:], log_p[-1:], k),
        ],
        "the best must come first: yours are in rising order.": lambda beams, log_p, k: beam_step.right(beams, log_p, k)[::-1],
        "the right continuations, but in the order of the beams: the best must come first.": [
            lambda beams, log_p, k: [one for one in _each(beams, log_p, k) if one in beam_step.right(beams, log_p, k)],
            lambda beams, log_p, k: [one for one in _unsorted(beams, log_p) if one in beam_step.right(beams, log_p, k)],
        ],
        "these are the first continuations, not the best: sort before you keep `k`.": lambda beams, log_p, k: _unsorted(beams, log_p)[:k],
        "the number of continuations to keep is `k`, not the number of beams.": {"keep": lambda k, beams, log_p: len(beams)},
        "all continuations come back: keep the best `k`.": {"keep": lambda k, beams, log_p: log_p.numel()},
        "one continuation too many: `k` are wanted.": {"keep": lambda k, beams, log_p: k + 1},
        "one continuation is missing: `k` are wanted.": {"keep": lambda k, beams, log_p: k - 1},
        "only the best comes back: `k` are wanted.": {"keep": lambda k, beams, log_p: 1},
        "the beam's own tokens are lost: the new token follows them.": {"grown": lambda tokens, token: [token]},
        "the new token is missing: append it to the beam's tokens.": {"grown": lambda tokens, token: tokens},
        "the new token comes last: yours comes before the beam's tokens.": {"grown": lambda tokens, token: [token, *tokens]},
        "the new token replaces the beam's last one: append it.": {"grown": lambda tokens, token: [*tokens[:-1], token]},
        "a continuation begins with the tokens of its own beam: yours all begin with those of the first.": {"split": lambda place, V: (0, place % V)},
        "the token is an index into the flattened table: its remainder modulo V is the token.": {"split": lambda place, V: (place // V, place)},
        "return pairs of tokens and ln p: ln p is missing.": {"result": lambda tokens, score, old: tokens},
        "return pairs of tokens and ln p: the tokens are missing.": {"result": lambda tokens, score, old: score},
        "return a list of pairs, not a list of tokens and a list of ln p.": lambda beams, log_p, k: tuple(
            map(list, zip(*beam_step.right(beams, log_p, k), strict=True))
        ),
        "the pairs are reversed: the tokens come first, then ln p.": {"result": lambda tokens, score, old: (score, tokens)},
    },
)
def beam_step(
    beams,
    log_p,
    k,
    *,
    total=torch.add,
    rank=lambda totals, log_p, beams: totals,
    keep=lambda k, beams, log_p: k,
    split=divmod,
    grown=lambda tokens, token: [*tokens, token],
    result=lambda tokens, score, old: (tokens, score),
):
    """The k likeliest continuations of all beams, the best first: pairs of tokens and ln p."""
    scores = torch.stack([total(torch.tensor(old), row) for (_, old), row in zip(beams, log_p, strict=True)]).flatten()
    found = []
    for place in rank(scores, log_p, beams).argsort(descending=True, stable=True)[: keep(k, beams, log_p)].tolist():
        beam, token = split(place, log_p.shape[1])
        tokens, old = beams[beam]
        found.append(result(grown(tokens, token), scores[place].item(), old))
    return found
