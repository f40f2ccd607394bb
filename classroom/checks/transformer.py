"""Checks of the notebook transformer."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from classroom.checks import Changes, compare, exercise, variants
from classroom.checks._transformer import Sublayer, block, cached, normalised, numbers, parallel, pieces, smoothed
from classroom.checks.forms import as_number

__all__ = ["cached_step", "decoder_block", "layer_norm", "paper_rate", "parameter_count", "smoothed_loss"]


def _detached(answer: Any) -> Any:
    """The answer with gradients taken off its results, and a list of results as a tuple."""
    if not callable(answer):
        return answer

    def plain(*inputs: Any) -> Any:
        result = answer(*inputs)
        if isinstance(result, tuple | list):
            return tuple(part.detach() if isinstance(part, Tensor) else part for part in result)
        return result.detach() if isinstance(result, Tensor) else result

    return plain


@exercise
def layer_norm(answer: Any, seed: int) -> str:
    """layer_norm(x, gain, bias): each position's vector with mean 0 and variance 1, times gain, plus bias."""
    other = {
        "this averages over positions (dim 1): each position is normalised by itself, over its last axis.": {"dim": 1},
        "this averages over the batch (dim 0), as BatchNorm does: average over the last axis.": {"dim": 0},
        "this averages over positions and components together: over the last axis alone.": {"dim": (1, 2)},
        "this averages over everything: each position of each row by itself, over the last axis.": {"dim": (0, 1, 2)},
        "the variance divides by C, not by C - 1: unbiased=False.": {"unbiased": True},
        "the variance divides by C, not by C - 1 (unbiased=False), and 1e-5 is missing under the root.": {
            "unbiased": True,
            "divide": lambda c, v: c / v.sqrt(),
        },
        "equal numbers have the variance 0: add 1e-5 under the root.": {"divide": lambda c, v: c / v.sqrt()},
        "1e-5 belongs under the root, added to the variance, not to its root.": {"divide": lambda c, v: c / (v.sqrt() + 1e-5)},
        "divide by the root of the variance, not by the variance.": {"divide": lambda c, v: c / (v + 1e-5)},
        "the division by the root of the variance is missing.": {"divide": lambda c, v: c},
        "the mean is not taken away (this is RMSNorm, which comes later in the course).": {"centre": False},
        "the gain is missing: multiply by it.": {"scale": lambda y, gain, bias: y + bias},
        "the bias is missing: add it at the end.": {"scale": lambda y, gain, bias: y * gain},
        "gain and bias are missing: y * gain + bias.": {"scale": lambda y, gain, bias: y},
        "gain and bias are swapped: y * gain + bias.": {"scale": lambda y, gain, bias: y * bias + gain},
        "first times the gain, then plus the bias.": {"scale": lambda y, gain, bias: (y + bias) * gain},
    }
    mistakes = variants(normalised, other)
    hand = torch.tensor([[[1.0, 3.0, 1.0, 3.0], [5.0, 5.0, 5.0, 5.0]]])
    cases = [(hand, torch.tensor([1.0, 1.0, 2.0, 2.0]), torch.tensor([0.0, 0.0, 0.0, 1.0]))]
    for number, shape in enumerate([(3, 7, 5), (2, 3, 11)]):
        x, gain, bias = numbers(seed + number, shape, shape[-1:], shape[-1:])
        x[0, 1:] += 2
        x[0, 0] *= 1e-3  # here 1e-5 is felt
        cases.append((x, gain, bias))
    compare(_detached(answer), normalised, cases, mistakes)
    return "1, 3, 1, 3 becomes -1, 1, -1, 1, and equal numbers become zeros."


@exercise
def decoder_block(answer: Any, seed: int) -> str:
    """decoder_block(x, memory, attend, look, feed_forward, norms): three pre-norm residuals, one after the other."""

    def bare(x: Tensor, norm: Sublayer, sublayer: Sublayer) -> Tensor:
        return sublayer(norm(x))

    def post(x: Tensor, norm: Sublayer, sublayer: Sublayer) -> Tensor:
        return norm(x + sublayer(x))

    def after(x: Tensor, norm: Sublayer, sublayer: Sublayer) -> Tensor:
        return x + norm(sublayer(x))

    def no_norm(x: Tensor, norm: Sublayer, sublayer: Sublayer) -> Tensor:
        return x + sublayer(x)

    def normed(x: Tensor, norm: Sublayer, sublayer: Sublayer) -> Tensor:
        return norm(x) + sublayer(norm(x))

    names = ("attend", "look", "feed_forward")
    swapped = "the two inputs of look are swapped: x asks (queries), memory is looked at (keys and values)."
    other: Changes = {
        "no residual is there: x = x + sublayer(norm(x)), three times.": {"residual": bare},
        "this is post-norm, as in 2017: here each norm stands before its sublayer, x + sublayer(norm(x)).": {"residual": post},
        "the norm stands after the sublayer: it belongs before, x + sublayer(norm(x)).": {"residual": after},
        "the norms are missing: x + sublayer(norm(x)).": {"residual": no_norm},
        "x itself is normalised: only what goes into the sublayer is, x + sublayer(norm(x)).": {"residual": normed},
        "each sublayer has a norm of its own: norms[0], norms[1], norms[2].": {"one_norm": True},
        "look comes second: first the target looks at itself.": {"order": (1, 0, 2)},
        "feed_forward comes last.": {"order": (0, 2, 1)},
        swapped: {"asked": lambda look, x, memory, norm: look(memory, x)},
        "look must see the memory, not x again.": {"asked": lambda look, x, memory, norm: look(x, x)},
        "memory comes normalised from the encoder: norms[1] is for x alone.": {"asked": lambda look, x, memory, norm: look(x, norm(memory))},
    }
    for n, name in enumerate(names):
        other[f"the residual around {name} is missing: x + ..."] = {"forms": {n: bare}}
        other[f"the norm before {name} is missing."] = {"forms": {n: no_norm}}
        other[f"{name} is missing."] = {"order": tuple(k for k in range(3) if k != n)}
    mistakes = variants(block, other)
    mistakes.append((parallel, "each sublayer works on what the one before left: overwrite x after each."))
    cases = [(*numbers(seed + S, (2, 3, 5), (2, S, 5)), *pieces(seed, 5)) for S in (7, 3)]
    compare(_detached(answer), block, cases, mistakes)
    return "three residuals: it looks at itself, at the source, and thinks."


@exercise
def parameter_count(answer: Any, seed: int) -> str:
    """parameter_count(vocab_size, d_model, d_ff, n_encoder, n_decoder): all that is learned, biases included."""

    def count(V: int, C: int, F: int, n_encoder: int, n_decoder: int, **other: int) -> int:
        bias, norm = other.get("bias", 1), 2 * C * other.get("norm", 1)
        attention = other.get("matrices", 4) * (C * C + bias * C)
        feed_forward = other.get("feed_forward", 2) * C * F + bias * (F + C)
        encoder = attention + feed_forward + other.get("norms", 2) * norm
        decoder = other.get("attentions", 2) * attention + feed_forward + other.get("norms_decoder", 3) * norm
        embeddings = other.get("tables", 1) * V * C
        return embeddings + n_encoder * encoder + n_decoder * decoder + other.get("last", 2) * norm

    other = {
        "the biases are missing: each matrix has one, as long as its output.": {"bias": 0},
        "the embedding is the output matrix too: count it once.": {"tables": 2},
        "source, target and output share one matrix: count it once.": {"tables": 3},
        "the embedding is missing: vocab_size x d_model.": {"tables": 0},
        "a decoder block has two attentions: to itself and to the source.": {"attentions": 1},
        "a decoder block has two attentions and three norms.": {"attentions": 1, "norms_decoder": 2},
        "a decoder block has three norms, one for each sublayer.": {"norms_decoder": 2},
        "attention has four matrices: W_Q, W_K, W_V, and W_O after the heads.": {"matrices": 3},
        "the feed-forward has two matrices: up to d_ff, and down again.": {"feed_forward": 1},
        "the LayerNorms are missing: a gain and a bias each, 2 d_model.": {"norm": 0},
        "the last two LayerNorms are missing, after the encoder and after the decoder.": {"last": 0},
        "there are two last LayerNorms, one after the encoder and one after the decoder.": {"last": 1},
        "biases and LayerNorms are missing.": {"bias": 0, "norm": 0},
    }
    mistakes = variants(count, other)
    drawn = torch.randint(2, 40, (2, 5), generator=Generator().manual_seed(seed)).tolist()
    cases = [(11, 3, 5, 1, 1), (2000, 128, 512, 2, 3), *map(tuple, drawn)]
    compare(answer, count, cases, mistakes)
    return "attention has 4 C² + 4 C of them, whatever the number of heads."


@exercise
def smoothed_loss(answer: Any, seed: int) -> str:
    """smoothed_loss(logits, targets, epsilon): the mean over the real tokens, in nats."""
    spread = "epsilon is spread over all V tokens, epsilon / V each, the right one too."
    other = {
        "padding counts: take the mean over the tokens that are not 0.": {"end": lambda each, counted: each.mean()},
        "the sum is right, but divide by the number of *real* tokens.": {"end": lambda each, counted: each[counted].sum() / len(each)},
        "this is the sum over the tokens: their mean is wanted.": {"end": lambda each, counted: each[counted].sum()},
        "the minus is missing: -log p.": {"end": lambda each, counted: -each[counted].mean()},
        "these are logits: take log_softmax first.": {"log_p": lambda z: z},
        "take the logarithm of the softmax.": {"log_p": lambda z: z.softmax(dim=-1)},
        spread: {"mixed": lambda right, every, e, V: (1 - e) * right + e * (every - right) / (V - 1)},
        "divide the sum over all tokens by V: each of them counts epsilon / V.": {"mixed": lambda right, every, e, V: (1 - e) * right + e * every},
        "epsilon and 1 - epsilon are swapped: the right token keeps 1 - epsilon.": {"mixed": lambda right, every, e, V: e * right + (1 - e) * every / V},
        "nothing is smoothed: all tokens must count epsilon / V.": {"mixed": lambda right, every, e, V: right},
        "the right token counts 1 - epsilon, so that the weights sum to 1.": {"mixed": lambda right, every, e, V: right + e * every / V},
        "the share of all tokens is missing: + epsilon x the mean of -log p over the vocabulary.": {"mixed": lambda right, every, e, V: (1 - e) * right},
        "mix the losses, not the probabilities: it is the *target* that is smoothed.": {
            "mixed": lambda right, every, e, V: -((1 - e) * (-right).exp() + e / V).log()
        },
    }
    mistakes = variants(smoothed, other)
    cases = [(torch.tensor([[0.0, 0.0, 0.0], [0.7, 0.2, 0.1]]).log_softmax(-1), torch.tensor([2, 0]), 0.3)]
    for number, (N, V) in enumerate(((7, 5), (11, 13))):
        (logits,) = numbers(seed + number, (N, V))
        targets = torch.randint(1, V, (N,), generator=Generator().manual_seed(seed + number))
        targets[-2:] = 0
        cases.append((3 * logits, targets, 0.1 + 0.2 * number))
    compare(as_number(_detached(answer)), smoothed, cases, mistakes)
    return "where all tokens are equally likely, smoothing changes nothing."


@exercise
def paper_rate(answer: Any, seed: int) -> str:
    """paper_rate(step, d_model, warmup): d_model^-0.5 min(step^-0.5, step warmup^-1.5), step from 1."""

    def rate(choose: Callable = min, first: int = 0, **powers: float | int) -> Callable[..., float]:
        d, s, w = (powers.get(name, usual) for name, usual in (("d", -0.5), ("s", -0.5), ("w", -1.5)))
        return lambda step, C, warmup: C**d * choose((step + first) ** s, (step + first) * warmup**w)

    def large(function: Any) -> Any:
        """Its results times 10,000, so that small rates differ by more than the tolerance."""
        plain = as_number(function)

        def scaled(*inputs: Any) -> Any:
            result = plain(*inputs)
            return 1e4 * result if isinstance(result, float) else result

        return scaled if callable(function) else function

    mistakes = [
        (rate(max), "the smaller of the two counts: min, not max."),
        (rate(d=0), "the factor d_model ** -0.5 is missing."),
        (rate(d=0.5), "the width stands below: d_model ** -0.5."),
        (rate(s=-1), "the rate falls with the root of the step: step ** -0.5."),
        (rate(w=-0.5), "the slope of the warm-up is warmup ** -1.5, so that both meet at step = warmup."),
        (rate(w=-1), "the slope of the warm-up is warmup ** -1.5, so that both meet at step = warmup."),
        (lambda step, C, warmup: C**-0.5 * step * warmup**-1.5, "it only rises: after the warm-up, step ** -0.5."),
        (lambda step, C, warmup: C**-0.5 * step**-0.5, "nothing is warmed up: min with step * warmup ** -1.5."),
        (lambda step, C, warmup: C**-0.5 * min(warmup**-0.5, step * warmup**-1.5), "after the warm-up it must fall."),
        (rate(first=1), "steps count from 1 here: do not add 1."),
    ]
    drawn = torch.randint(1, 9000, (3,), generator=Generator().manual_seed(seed)).tolist()
    cases = [(1, 512, 4000), (4000, 512, 4000), (16000, 512, 4000), *((step, 128, 3000) for step in drawn)]
    compare(large(answer), large(rate()), cases, [(large(wrong), words) for wrong, words in mistakes])
    return "with d_model 512 and 4,000 steps it rises to 0.0007, and at step 16,000 half of that is left."


@exercise
def cached_step(answer: Any, seed: int) -> str:
    """cached_step(x, keys, values, W_q, W_k, W_v): one token more; output (1, D), and the caches, one row longer."""
    other: Changes = {
        "a token may look at itself: add its key and value first, then look.": {"seen": lambda keys, values: (keys[:-1], values[:-1])},
        "the scores must be divided by the root of D.": {"scale": lambda D, C: 1.0},
        "divide by the root of the keys' width D, not of C.": {"scale": lambda D, C: C**0.5},
        "divide by the *root* of D.": {"scale": lambda D, C: D},
        "the softmax is missing: scores are no weights.": {"weigh": lambda scores: scores},
        "the softmax runs over the queries (dim 0): over the keys, the last axis.": {"weigh": lambda scores: scores.softmax(dim=0)},
        "the new row belongs at the end: the cache is in the order of the text.": {"grown": lambda kept, new: torch.cat([new, kept])},
        "nothing is kept: add a row to keys and values and return them.": {"results": lambda out, keys, values: (out, keys[:-1], values[:-1])},
        "return three things: the output, the keys and the values.": {"results": lambda out, keys, values: out},
        "keys and values are swapped in what you return.": {"results": lambda out, keys, values: (out, values, keys)},
        "return the longer keys and values too, not the new rows alone.": {"results": lambda out, keys, values: (out, keys[-1:], values[-1:])},
        "the mean is over the values: yours is over the keys.": {"seen": lambda keys, values: (keys, keys)},
        "the scores are between query and keys: yours are with the values.": {"seen": lambda keys, values: (values, values)},
        "the query asks, x @ W_q: you ask with the key.": {"asked": lambda q, k, v: k},
    }
    mistakes = variants(cached, other)
    cases = []
    for t, (C, D) in ((4, (5, 3)), (0, (7, 3)), (6, (3, 11))):
        cases.append(tuple(numbers(seed + t, (1, C), (t, D), (t, D), *[(C, D)] * 3)))
    compare(_detached(answer), cached, cases, mistakes)
    return "one query, and no key is computed twice."
