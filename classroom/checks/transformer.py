"""Exercises of the notebook transformer."""

import math

import torch
from torch import Generator
from torch.nn import functional as F

from classroom.exercise import case, exercise

__all__ = ["cached_step", "decoder_block", "layer_norm", "paper_rate", "parameter_count", "smoothed_loss"]


def _random(seed, *shapes):
    generator = Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def _vectors(seed, B, T, C, mean=1.0, deviation=2.0):
    x, gain, bias = _random(seed, (B, T, C), (C,), (C,))
    return mean + deviation * x, gain, bias


def _mean(x, axes):
    return x.mean(axes, keepdim=True)


def _variance(x, axes):
    return x.var(axes, keepdim=True, unbiased=False)


@exercise(
    praise="1, 3, 1, 3 becomes -1, 1, -1, 1, and equal numbers become zeros.",
    cases=lambda seed: [
        (
            torch.tensor([[[1.0, 3.0, 1.0, 3.0], [2.0, 2.0, 6.0, 6.0]]]),
            torch.tensor([1.0, 1.0, 2.0, 2.0]),
            torch.tensor([0.0, 0.0, 0.0, 1.0]),
        ),
        _vectors(seed, 3, 7, 5),
        _vectors(seed + 1, 2, 3, 11),
        case(
            torch.tensor([[[5.0, 5.0, 5.0], [2.0, 2.0, 2.0]]]),
            torch.tensor([1.0, 2.0, 3.0]),
            torch.tensor([0.5, 0.0, -1.0]),
            edge="equal numbers",
        ),
        case(*_vectors(seed + 2, 2, 3, 5, mean=0.01, deviation=1e-3), edge="numbers so close together that 1e-5 matters"),
    ],
    wrong={
        "this averages over the positions (dim 1): each position is normalised by itself, over its last axis.": {"axes": 1},
        "this averages over the batch (dim 0): each position is normalised by itself, over its last axis.": {"axes": 0},
        "this averages over batch and positions, as BatchNorm does: LayerNorm averages over the last axis.": {"axes": (0, 1)},
        "this averages over positions and components together: average over the last axis alone.": {"axes": (1, 2)},
        "this averages over the whole tensor: each position is normalised by itself, over its last axis.": {"axes": (0, 1, 2)},
        "the variance is right, but the mean is taken over another axis: both run over the last axis alone.": [
            {"mean": lambda x, axes: x.mean(0, keepdim=True)},
            {"mean": lambda x, axes: x.mean(1, keepdim=True)},
            {"mean": lambda x, axes: x.mean()},
        ],
        "the mean is right, but the variance is taken over another axis: both run over the last axis alone.": [
            {"variance": lambda x, axes: x.var(0, keepdim=True, unbiased=False)},
            {"variance": lambda x, axes: x.var(1, keepdim=True, unbiased=False)},
            {"variance": lambda x, axes: x.var(unbiased=False)},
        ],
        "the variance must divide by C, not by C - 1: unbiased=False.": {"variance": lambda x, axes: x.var(axes, keepdim=True)},
        "the sum of the squared deviations is not divided by C: the variance is their mean.": {
            "variance": lambda x, axes: (x - _mean(x, axes)).square().sum(axes, keepdim=True)
        },
        "the variance is the mean of the squared deviations from the mean: yours is the mean of the squares of x.": {
            "variance": lambda x, axes: x.square().mean(axes, keepdim=True)
        },
        "this divides by the norm of the vector: subtract the mean, and divide by the root of the variance.": (
            lambda x, gain, bias: F.normalize(x, dim=-1) * gain + bias
        ),
        "this divides by the mean absolute deviation: the variance is the mean of the squares.": {
            "variance": lambda x, axes: _mean((x - _mean(x, axes)).abs(), axes).square()
        },
        "equal numbers have the variance 0: add 1e-5 under the root.": {"root": torch.sqrt},
        "1e-5 belongs under the root: add it to the variance, not to the root.": {"root": lambda v: v.sqrt() + 1e-5},
        "another small number is added to the variance: it is 1e-5 here.": [{"root": lambda v, e=e: (v + e).sqrt()} for e in (1e-3, 1e-4, 1e-6, 1e-8)],
        "the small number is subtracted: add 1e-5 to the variance.": {"root": lambda v: (v - 1e-5).sqrt()},
        "divide by the root of the variance, not by the variance.": [
            {"root": lambda v: v + 1e-5},
            {"root": lambda v: v},
        ],
        "the root is taken twice: a standard deviation is a root already.": {"root": lambda v: (v.sqrt() + 1e-5).sqrt()},
        "the division by the root of the variance is missing.": {"root": lambda v: 1},
        "you multiply by the root of the variance: divide by it.": {"root": lambda v: 1 / (v + 1e-5).sqrt()},
        "the mean is not subtracted in the numerator.": {"centred": lambda x, mean: x},
        "the mean is not subtracted: this is RMSNorm, which comes later in the course.": {
            "centred": lambda x, mean: x,
            "variance": lambda x, axes: x.square().mean(axes, keepdim=True),
        },
        "only the mean is divided by the root: put the difference x - mean in brackets.": [
            lambda x, gain, bias: (x - _mean(x, -1) / (_variance(x, -1) + 1e-5).sqrt()) * gain + bias,
            lambda x, gain, bias: x - _mean(x, -1) / (_variance(x, -1) + 1e-5).sqrt() * gain + bias,
        ],
        "the mean is added: subtract it.": {"centred": lambda x, mean: x + mean},
        "the sign is reversed: subtract the mean from x, not x from the mean.": {"centred": lambda x, mean: mean - x},
        "the gain is missing: multiply the normalised x by it.": {"scale": lambda y, gain, bias: y + bias},
        "the bias is missing: add it at the end.": {"scale": lambda y, gain, bias: y * gain},
        "gain and bias are missing: multiply the normalised x by the gain, then add the bias.": {"scale": lambda y, gain, bias: y},
        "gain and bias are swapped: the gain is a factor, the bias is added.": {"scale": lambda y, gain, bias: y * bias + gain},
        "the bias is multiplied by the gain, too: first multiply by the gain, then add the bias.": {"scale": lambda y, gain, bias: (y + bias) * gain},
        "gain and bias are added to each other: multiply by the gain first, then add the bias.": {"scale": lambda y, gain, bias: y * (gain + bias)},
        "the bias is subtracted: add it.": {"scale": lambda y, gain, bias: y * gain - bias},
        "you divide by the gain: multiply by it.": {"scale": lambda y, gain, bias: y / gain + bias},
        "1 is added to the gain: multiply by the gain as it is.": {"scale": lambda y, gain, bias: y * (1 + gain) + bias},
        "nothing is normalised: the mean is subtracted and the root of the variance divides, before gain and bias.": (lambda x, gain, bias: x * gain + bias),
        "gain and bias come after the normalisation, which would undo them.": lambda x, gain, bias: F.layer_norm(x * gain + bias, x.shape[-1:]),
    },
)
def layer_norm(
    x,
    gain,
    bias,
    *,
    axes=-1,
    mean=_mean,
    variance=_variance,
    centred=lambda x, mean: x - mean,
    root=lambda v: (v + 1e-5).sqrt(),
    scale=lambda y, gain, bias: y * gain + bias,
):
    """Each position's vector with mean 0 and variance 1, times gain, plus bias."""
    return scale(centred(x, mean(x, axes)) / root(variance(x, axes)), gain, bias)


class _Sublayer:
    """A function with a readable name."""

    def __init__(self, name, function):
        self.name, self.function = name, function

    def __call__(self, *inputs):
        return self.function(*inputs)

    def __repr__(self):
        return self.name


def _block(seed, B, T, S, C):
    """The inputs of a decoder block: causal self-attention, cross-attention, feed-forward, and three unequal norms."""
    x, memory, A, D, E, gains = _random(seed, (B, T, C), (B, S, C), (C, C), (C, C), (C, C), (3, C))
    norms = [_Sublayer(f"norm {n}", lambda x, n=n: F.layer_norm(x, (C,), gains[n], gains[(n + 1) % 3])) for n in range(3)]
    return (
        x,
        memory,
        _Sublayer("attend", lambda x: torch.cumsum(torch.tanh(x @ A), dim=-2) / 3),
        _Sublayer("look", lambda x, memory: torch.softmax(x @ D @ memory.mT, dim=-1) @ memory),
        _Sublayer("feed_forward", lambda x: torch.relu(x @ E) @ E.T / 3),
        norms,
    )


def _pre_norm(x, norm, sublayer):
    return x + sublayer(norm(x))


def _no_norm(x, norm, sublayer):
    return x + sublayer(x)


def _no_residual(x, norm, sublayer):
    return sublayer(norm(x))


def _post_norm(x, norm, sublayer):
    return norm(x + sublayer(x))


def _normed_stream(x, norm, sublayer):
    return norm(x) + sublayer(norm(x))


def _skipped(x, norm, sublayer):
    return x


def _everywhere(step):
    return {"around_attend": step, "around_look": step, "around_feed_forward": step}


def _from_the_start(x, memory, attend, look, feed_forward, norms):
    first = x + attend(norms[0](x))
    second = x + look(norms[1](first), memory)
    return x + feed_forward(norms[2](second))


@exercise(
    praise="three residuals: it looks at itself, at the source, and thinks.",
    cases=lambda seed: [
        _block(seed, 1, 2, 2, 3),
        _block(seed + 1, 2, 3, 3, 5),
        case(*_block(seed + 2, 2, 3, 7, 5), edge="a memory longer than x"),
        case(*_block(seed + 3, 1, 1, 1, 7), edge="a single position"),
    ],
    wrong={
        "the residuals are missing: each sublayer's result is added to x.": _everywhere(_no_residual),
        **{
            f"the residual around {name} is missing: its result is added to x.": {f"around_{name}": _no_residual} for name in ("attend", "look", "feed_forward")
        },
        "this is post-norm, as in 2017, with the norm after the sum: pre-norm puts it in front of the sublayer.": [
            _everywhere(_post_norm),
            {"around_attend": _post_norm},
            {"around_look": _post_norm},
            {"around_feed_forward": _post_norm},
        ],
        "the norm comes after the sublayer: it must come before, on what goes into the sublayer.": _everywhere(lambda x, norm, sublayer: x + norm(sublayer(x))),
        "the norms are missing: what goes into a sublayer is normalised first.": _everywhere(_no_norm),
        **{f"the norm before {name} is missing.": {f"around_{name}": _no_norm} for name in ("attend", "look", "feed_forward")},
        "x itself is normalised: normalise only what goes into a sublayer, and leave the residual stream as it is.": [
            _everywhere(_normed_stream),
            {"around_attend": _normed_stream},
            {"around_look": _normed_stream},
            {"around_feed_forward": _normed_stream},
        ],
        "a norm follows the last sublayer: each of the three norms is used once, in front of its sublayer.": [
            {"end": lambda x, norms: norms[2](x)},
            {"end": lambda x, norms: norms[0](x)},
        ],
        **{f"{name} is missing, or its result is lost: assign it to x.": {f"around_{name}": _skipped} for name in ("attend", "look", "feed_forward")},
        "each sublayer has its own norm: norms[0], norms[1], norms[2].": [{"numbers": (n, n, n)} for n in range(3)],
        "the norms are mixed up: norms[0] belongs to attend, norms[1] to look, norms[2] to feed_forward.": [
            {"numbers": numbers} for numbers in ((1, 0, 2), (0, 2, 1), (2, 1, 0), (1, 2, 0), (2, 0, 1))
        ],
        "look comes second: the target attends to itself first.": [
            {"order": (1, 0, 2)},
            {"order": (1, 0, 2), "numbers": (1, 0, 2)},
        ],
        "feed_forward comes last.": [
            {"order": order, "numbers": numbers}
            for order, numbers in (
                ((0, 2, 1), (0, 1, 2)),
                ((0, 2, 1), (0, 2, 1)),
                ((2, 0, 1), (0, 1, 2)),
                ((2, 0, 1), (1, 2, 0)),
            )
        ],
        "the two inputs of look are swapped: x asks (queries), memory is looked at (keys and values).": [
            {"cross": lambda look, x, memory, norms: look(memory, x)},
            {"cross": lambda look, x, memory, norms: look(norms[1](memory), x), "around_look": _no_norm},
        ],
        "look must see the memory, but it sees x again.": {"cross": lambda look, x, memory, norms: look(x, x)},
        "x must ask: look gets the memory twice.": {"cross": lambda look, x, memory, norms: look(memory, memory)},
        "the memory comes normalised from the encoder: norms[1] is for x alone.": [
            {"cross": lambda look, x, memory, norms, n=n: look(x, norms[n](memory))} for n in range(3)
        ],
        "only look sees the memory: attend and feed_forward work on x.": [
            {"inputs": lambda x, memory, place: memory if place == 0 else x},
            {"inputs": lambda x, memory, place: memory if place == 2 else x},
        ],
        "there is one residual around all three sublayers: each needs its own.": (
            lambda x, memory, attend, look, feed_forward, norms: x + feed_forward(norms[2](look(norms[1](attend(norms[0](x))), memory)))
        ),
        "each sublayer works on what the one before it returned: assign the new x each time.": (
            lambda x, memory, attend, look, feed_forward, norms: x + attend(norms[0](x)) + look(norms[1](x), memory) + feed_forward(norms[2](x))
        ),
        "each residual adds the newest x, not the x of the beginning.": _from_the_start,
        "x is added twice in each residual.": _everywhere(lambda x, norm, sublayer: 2 * x + sublayer(norm(x))),
        "a residual is a sum: add the sublayer's result to x, do not multiply.": _everywhere(lambda x, norm, sublayer: x * sublayer(norm(x))),
    },
)
def decoder_block(
    x,
    memory,
    attend,
    look,
    feed_forward,
    norms,
    *,
    around_attend=_pre_norm,
    around_look=_pre_norm,
    around_feed_forward=_pre_norm,
    cross=lambda look, x, memory, norms: look(x, memory),
    inputs=lambda x, memory, place: x,
    numbers=(0, 1, 2),
    order=(0, 1, 2),
    end=lambda x, norms: x,
):
    """Self-attention, cross-attention and feed-forward, each in a pre-norm residual."""
    steps = (around_attend, around_look, around_feed_forward)
    sublayers = (attend, lambda y: cross(look, y, memory, norms), feed_forward)
    for place in order:
        x = steps[place](x, lambda x, n=place: norms[numbers[n]](inputs(x, memory, n)), sublayers[place])
    return end(x, norms)


@exercise(
    praise="attention has 4 C² + 4 C of them, whatever the number of heads.",
    cases=lambda seed: [
        (11, 3, 5, 1, 1),
        (2000, 128, 512, 2, 3),
        (2003, 64, 257, 5, 2),
        *map(tuple, torch.randint(2, 40, (2, 5), generator=Generator().manual_seed(seed)).tolist()),
    ],
    wrong={
        "the biases are missing: each matrix has one, as long as its output.": {
            "attention_biases": 0,
            "feed_forward_biases": lambda C, F: 0,
        },
        "the biases of attention are missing: each of its four matrices has one, as long as its output.": {"attention_biases": 0},
        "each of the four matrices of attention has a bias: W_O has one, too.": [
            {"attention_biases": 3},
            {"attention_biases": 1},
        ],
        "the biases of the feed-forward network are missing: each matrix has one, as long as its output.": {"feed_forward_biases": lambda C, F: 0},
        "a bias of the feed-forward network is missing: the output of the first matrix has d_ff components, that of the second d_model.": [
            {"feed_forward_biases": lambda C, F: F},
            {"feed_forward_biases": lambda C, F: C},
        ],
        "a bias is as long as its matrix's output: d_ff for the first matrix of the feed-forward network, d_model for the second.": [
            {"feed_forward_biases": lambda C, F: 2 * F},
            {"feed_forward_biases": lambda C, F: 2 * C},
        ],
        "the embedding is the output matrix, too (tied): count it once.": {"embeddings": 2},
        "source, target and output share one matrix (tied embeddings): count it once.": {"embeddings": 3},
        "the embedding is missing: it has a vector of d_model numbers for each token of the vocabulary.": {"embeddings": 0},
        "the tied output matrix has no bias: only the matrices of attention and feed-forward have one.": {"output_bias": lambda V: V},
        "a decoder block has two attentions: one to the target itself, one to the source.": {"decoder_attentions": 1},
        "a decoder block has three norms, one for each sublayer.": [{"decoder_norms": 2}, {"decoder_norms": 1}],
        "you count a decoder block like an encoder block: it has two attentions and three norms.": {
            "decoder_attentions": 1,
            "decoder_norms": 2,
        },
        "you count an encoder block like a decoder block: it has one attention and two norms.": {
            "encoder_attentions": 2,
            "encoder_norms": 3,
        },
        "an encoder block has one attention: only the decoder looks at a second sequence.": {"encoder_attentions": 2},
        "an encoder block has two norms, one for each sublayer.": [{"encoder_norms": 1}, {"encoder_norms": 3}],
        "attention has four matrices: W_Q, W_K, W_V, and W_O after the heads.": [
            {"attention_matrices": 1, "attention_biases": 1},
            {"attention_matrices": 3},
            {"attention_matrices": 3, "attention_biases": 3},
        ],
        "the feed-forward network has two matrices: one up to d_ff, one down again.": [
            {"feed_forward_matrices": lambda C, F: 3 * C * F},
            {"feed_forward_matrices": lambda C, F: C * F},
            {"feed_forward_matrices": lambda C, F: C * F, "feed_forward_biases": lambda C, F: F},
            {"feed_forward_matrices": lambda C, F: C * F, "feed_forward_biases": lambda C, F: C},
        ],
        "a matrix of the feed-forward network has d_model x d_ff numbers: yours is a square.": [
            {"feed_forward_matrices": lambda C, F: 2 * C * C},
            {"feed_forward_matrices": lambda C, F: 2 * F * F},
            {"feed_forward_matrices": lambda C, F: C * F + F * F},
        ],
        "the feed-forward networks are missing: each block has one.": {
            "feed_forward_matrices": lambda C, F: 0,
            "feed_forward_biases": lambda C, F: 0,
        },
        "the norms are missing: each has a gain and a bias, of d_model numbers each.": {"norm": 0},
        "a norm has a gain and a bias: 2 d_model numbers.": {"norm": 1},
        "a norm has d_model numbers each for gain and bias, not one: 2 d_model.": {"norm_of": lambda per_component, C: per_component},
        "the two last norms are missing, one after the encoder and one after the decoder.": {"last_norms": 0},
        "there are two last norms, one after the encoder and one after the decoder.": {"last_norms": 1},
        "n_encoder and n_decoder are swapped.": {"blocks": lambda encoder, decoder: (decoder, encoder)},
        "count every block: multiply by n_encoder and by n_decoder.": {"blocks": lambda encoder, decoder: (1, 1)},
        "the encoder's blocks are missing.": {"blocks": lambda encoder, decoder: (0, decoder)},
        "the decoder's blocks are missing.": {"blocks": lambda encoder, decoder: (encoder, 0)},
        "d_model and d_ff are swapped: the vectors between the blocks have d_model components.": (
            lambda V, C, F, encoder, decoder: parameter_count.right(V, F, C, encoder, decoder)
        ),
    },
)
def parameter_count(
    vocab_size,
    d_model,
    d_ff,
    n_encoder,
    n_decoder,
    *,
    embeddings=1,
    output_bias=lambda V: 0,
    attention_matrices=4,
    attention_biases=4,
    feed_forward_matrices=lambda C, F: 2 * C * F,
    feed_forward_biases=lambda C, F: F + C,
    norm=2,
    norm_of=lambda per_component, C: per_component * C,
    encoder_attentions=1,
    encoder_norms=2,
    decoder_attentions=2,
    decoder_norms=3,
    last_norms=2,
    blocks=lambda encoder, decoder: (encoder, decoder),
):
    """How many numbers a pre-norm encoder-decoder with tied embeddings learns."""
    C, gain_and_bias = d_model, norm_of(norm, d_model)
    attention = attention_matrices * C * C + attention_biases * C
    feed_forward = feed_forward_matrices(C, d_ff) + feed_forward_biases(C, d_ff)
    encoder = encoder_attentions * attention + feed_forward + encoder_norms * gain_and_bias
    decoder = decoder_attentions * attention + feed_forward + decoder_norms * gain_and_bias
    encoders, decoders = blocks(n_encoder, n_decoder)
    ends = embeddings * vocab_size * C + output_bias(vocab_size) + last_norms * gain_and_bias
    return ends + encoders * encoder + decoders * decoder


def _tokens(seed, N, V, padding):
    (logits,) = _random(seed, (N, V))
    targets = torch.randint(1, V, (N,), generator=Generator().manual_seed(seed))
    targets[padding] = 0
    return 3 * logits, targets


def _mixed_probabilities(logits, targets, epsilon):
    p = logits.softmax(-1).gather(1, targets[:, None])[:, 0]
    return -((1 - epsilon) * p + epsilon / logits.shape[1]).log()[targets != 0].mean()


def _right_token(logits, targets):
    return F.cross_entropy(logits, targets, ignore_index=0)


@exercise(
    praise="where all tokens are equally likely, smoothing changes nothing.",
    cases=lambda seed: [
        (torch.tensor([[0.7, 0.2, 0.1]]).log(), torch.tensor([2]), 0.3),
        (*_tokens(seed, 7, 5, [5, 6]), 0.1),
        (*_tokens(seed + 1, 11, 13, [8, 9, 10]), 0.3),
        case(*_tokens(seed + 2, 5, 3, [0, 2]), 0.2, edge="padding between the tokens"),
        case(*_tokens(seed + 3, 3, 7, []), 0.2, edge="no padding"),
        case(*_tokens(seed + 4, 5, 3, [4]), 0.0, edge="epsilon = 0"),
    ],
    wrong={
        "padding counts: take the mean over the tokens that are not 0.": {"real": lambda targets: targets > -1},
        "padding counts in the term of all tokens: leave it out of both terms.": lambda logits, targets, e: (
            (1 - e) * _right_token(logits, targets) - e * logits.log_softmax(-1).mean()
        ),
        "you take the mean over the padding: take it over the tokens that are not 0.": {"real": lambda targets: targets == 0},
        "the sum is right, but you divide it by all N, padding included: divide by the number of real tokens.": {
            "end": lambda each, real: each[real].sum() / len(each)
        },
        "this is the sum over the tokens: take their mean.": {"end": lambda each, real: each[real].sum()},
        "these are the losses of the tokens: take the mean over the real ones.": [
            {"end": lambda each, real: each},
            {"end": lambda each, real: each[real]},
            {"end": lambda each, real: each * real},
        ],
        "this is the perplexity: leave the exponential out.": {"end": lambda each, real: each[real].mean().exp()},
        "the minus sign is missing: the loss is -ln p.": {"end": lambda each, real: -each[real].mean()},
        "the right token's term has the wrong sign: both terms are -ln p.": {"kept": lambda e, V: e - 1},
        "the term of all tokens has the wrong sign: both terms are -ln p.": {"shared": lambda e, V: -e / V},
        "these are logits: apply log_softmax first.": {"log_p": lambda z: z},
        "the softmax is taken twice: the loss takes the logits as they are.": {"log_p": lambda z: z.softmax(dim=-1).log_softmax(dim=-1)},
        "the logarithm of the softmax is missing.": {"log_p": lambda z: z.softmax(dim=-1)},
        "the softmax runs over the tokens of the batch (dim 0): it belongs over the vocabulary, the last axis.": {"log_p": lambda z: z.log_softmax(dim=0)},
        "this is in bits (log2): nats (ln) are wanted.": {"log_p": lambda z: z.softmax(dim=-1).log2()},
        "epsilon is shared among all V tokens, the right one included: each counts epsilon / V.": [
            {"kept": lambda e, V: 1 - e - e / (V - 1), "shared": lambda e, V: e / (V - 1)},
            {"kept": lambda e, V: 1 - e - e / V},
            {"shared": lambda e, V: e / (V - 1)},
        ],
        "padding is a token of the vocabulary here: all V tokens share epsilon, number 0 included.": [
            {"every": lambda log_p: log_p[:, 1:].sum(-1)},
            {"every": lambda log_p: log_p[:, 1:].mean(-1) * log_p.shape[1]},
        ],
        "divide epsilon by V, the size of the vocabulary, not by the number of tokens in the batch.": (
            lambda logits, targets, e: smoothed_loss.right(logits, targets, e, shared=lambda e, V: e / len(targets))
        ),
        "the sum over all tokens is not divided by V: each of them counts epsilon / V.": {"shared": lambda e, V: e},
        "epsilon and 1 - epsilon are swapped: the right token keeps 1 - epsilon.": {
            "kept": lambda e, V: e,
            "shared": lambda e, V: (1 - e) / V,
        },
        "nothing is smoothed: every token must count epsilon / V.": {"kept": lambda e, V: 1, "shared": lambda e, V: 0},
        "the right token keeps its full weight: it counts 1 - epsilon, so that the weights sum to 1.": {"kept": lambda e, V: 1},
        "the term of all tokens is missing: each of them counts epsilon / V.": {"shared": lambda e, V: 0},
        "the term of the right token is missing: it counts 1 - epsilon.": {"kept": lambda e, V: 0},
        "the right token counts epsilon: it keeps 1 - epsilon.": {"kept": lambda e, V: e},
        "the term of all tokens is not multiplied by epsilon: each of them counts epsilon / V.": {"shared": lambda e, V: 1 / V},
        "the term of all tokens is multiplied by 1 - epsilon: each of them counts epsilon / V.": {"shared": lambda e, V: (1 - e) / V},
        "epsilon / V is added to the loss: it is a weight, which multiplies -ln p of each token.": lambda z, t, e: (
            (1 - e) * _right_token(z, t) + e / z.shape[1]
        ),
        "the target is smoothed, not the prediction: mix the two losses, not the probabilities.": _mixed_probabilities,
    },
)
def smoothed_loss(
    logits,
    targets,
    epsilon,
    *,
    log_p=lambda logits: logits.log_softmax(dim=-1),
    kept=lambda e, V: 1 - e,
    shared=lambda e, V: e / V,
    every=lambda log_p: log_p.sum(-1),
    real=lambda targets: targets != 0,
    end=lambda each, real: each[real].mean(),
):
    """The cross-entropy with label smoothing, in nats per real token."""
    logs, V = log_p(logits), logits.shape[1]
    right = logs.gather(1, targets[:, None])[:, 0]
    each = -kept(epsilon, V) * right - shared(epsilon, V) * every(logs)
    return end(each, real(targets))


@exercise(
    praise="with d_model 512 and 4,000 steps it rises to 0.0007, and at step 16,000 half of that is left.",
    tolerance=1e-6,  # rates are small
    cases=lambda seed: [
        (1, 4, 9),
        (2, 16, 4),
        case(4, 16, 4, edge="step = warmup"),
        (16, 4, 9),
        (64, 9, 9),
        (16000, 512, 4000),
        *((step, 128, 300) for step in torch.randint(1, 900, (3,), generator=Generator().manual_seed(seed)).tolist()),
    ],
    wrong={
        "take the smaller of the two terms: min, not max.": {"choose": max},
        "the two terms are added: take the smaller one.": {"choose": lambda late, early: late + early},
        "the two terms are multiplied: take the smaller one.": {"choose": lambda late, early: late * early},
        "the factor d_model ** -0.5 is missing.": {"width": 0},
        "d_model belongs in the denominator: its exponent is -0.5, so that wide models learn more slowly.": [
            {"width": 0.5},
            {"width": 1},
        ],
        "divide by the root of d_model, not by d_model itself.": {"width": -1},
        "d_model ** -0.5 is a factor of both terms: you apply it to one alone.": [
            lambda step, C, warmup: min(C**-0.5 * step**-0.5, step * warmup**-1.5),
            lambda step, C, warmup: min(step**-0.5, C**-0.5 * step * warmup**-1.5),
        ],
        "after the warm-up, the rate falls with the root of the step: step ** -0.5.": [
            {"late": lambda step, warmup: step**-1},
            {"late": lambda step, warmup: step**-1.5},
            {"late": lambda step, warmup: step**-2},
        ],
        "in the warm-up, the exponent of warmup is -1.5, so that both terms are equal at step = warmup.": [
            {"early": lambda step, warmup, power=power: step * warmup**power} for power in (-0.5, -1, -2)
        ],
        "in the warm-up, the rate rises in a straight line: a multiple of the step itself, not of a power of it.": [
            {"early": lambda step, warmup: step**0.5 * warmup**-1.5},
            {"early": lambda step, warmup: step**-0.5 * warmup**-1.5},
            {"early": lambda step, warmup: step**0.5 * warmup**-1},
        ],
        "only warmup has the exponent -1.5: the step itself is a factor.": [
            {"early": lambda step, warmup: (step * warmup) ** -1.5},
            {"early": lambda step, warmup: (step / warmup) ** 1.5},
        ],
        "the step is missing in the term of the warm-up: it is multiplied by the step.": {"early": lambda step, warmup: warmup**-1.5},
        "the rate only rises: after the warm-up it must fall like step ** -0.5.": {"choose": lambda late, early: early},
        "nothing is warmed up: take the smaller of two terms, the second of which rises from 0.": {"choose": lambda late, early: late},
        "after the warm-up the rate must fall, but yours stays at its peak.": [
            {"late": lambda step, warmup: warmup**-0.5},
            {"late": lambda step, warmup: 1},
        ],
        "step and warmup are swapped.": [
            lambda step, C, warmup: C**-0.5 * min(warmup**-0.5, warmup * step**-1.5),
            {"early": lambda step, warmup: warmup * step**-1.5},
        ],
        "steps are counted from 1 here: do not add 1.": {"first": 1},
        "steps are counted from 1 here: do not subtract 1.": {
            "first": -1,
            "late": lambda step, warmup: step**-0.5 if step else math.inf,
        },
    },
)
def paper_rate(
    step,
    d_model,
    warmup,
    *,
    width=-0.5,
    late=lambda step, warmup: step**-0.5,
    early=lambda step, warmup: step * warmup**-1.5,
    choose=min,
    first=0,
):
    """The learning rate of Vaswani et al. (2017), section 5.3."""
    return d_model**width * choose(late(step + first, warmup), early(step + first, warmup))


def _cached(seed, t, C, D):
    return tuple(_random(seed + t, (1, C), (t, D), (t, D), *[(C, D)] * 3))


@exercise(
    praise="one query, and no key is computed twice.",
    cases=lambda seed: [
        _cached(seed, 2, 3, 2),
        _cached(seed, 4, 5, 3),
        _cached(seed, 6, 3, 11),
        case(*_cached(seed, 0, 7, 3), edge="no token before it (t = 0)"),
        case(*_cached(seed, 1, 5, 2), edge="one token before it"),
    ],
    wrong={
        "a token attends to itself, too: append its key and value first, then attend.": {"seen": lambda keys, values: (keys[:-1], values[:-1])},
        "the token attends to itself alone: it must see the keys and values of the cache, too.": {"seen": lambda keys, values: (keys[-1:], values[-1:])},
        "the scores are not divided by the root of D.": {"weigh": lambda scores, D, C: scores.softmax(-1)},
        "the root of D divides the scores, before the softmax: you divide the weights.": {"weigh": lambda scores, D, C: scores.softmax(-1) / D**0.5},
        "divide by the root of D, the width of the keys, not of C.": {"weigh": lambda scores, D, C: (scores / C**0.5).softmax(-1)},
        "divide by the root of D, the width of the keys, not of the number of keys.": [
            {"weigh": lambda scores, D, C: (scores / scores.shape[1] ** 0.5).softmax(-1)},
            {"weigh": lambda scores, D, C: (scores / (scores.shape[1] - 1) ** 0.5).softmax(-1)},
        ],
        "divide by the *root* of D.": {"weigh": lambda scores, D, C: (scores / D).softmax(-1)},
        "you multiply by the root of D: divide by it.": {"weigh": lambda scores, D, C: (scores * D**0.5).softmax(-1)},
        "every value counts alike: weight the values with the softmax of the scores.": {
            "weigh": lambda scores, D, C: torch.ones_like(scores) / scores.shape[1]
        },
        "the softmax is missing: scores are not weights.": {"weigh": lambda scores, D, C: scores / D**0.5},
        "the softmax runs over the queries (dim 0): it belongs over the keys, the last axis.": {"weigh": lambda scores, D, C: (scores / D**0.5).softmax(0)},
        "the weights do not sum to 1: take the softmax.": [
            {"weigh": lambda scores, D, C: (scores / D**0.5).exp()},
            {"weigh": lambda scores, D, C: (scores / D**0.5).sigmoid()},
        ],
        "no mask is needed: the newest token sees all keys, and your mask hides all but the first.": {
            "weigh": lambda scores, D, C: F.one_hot(torch.tensor([0]), scores.shape[1]).float()
        },
        "the new row belongs at the end: the cache is in the order of the text.": {"grown": lambda kept, new: torch.cat([new, kept])},
        "the new row replaces the last one: append it.": {"grown": lambda kept, new: torch.cat([kept[:-1], new])},
        "the key and the value of the new token are swapped: x @ W_k belongs to the keys.": {"new": lambda x, W_q, W_k, W_v: (x @ W_v, x @ W_k)},
        "the new key is not made with W_k.": [
            {"new": lambda x, W_q, W_k, W_v: (x @ W_q, x @ W_v)},
            {"new": lambda x, W_q, W_k, W_v: (x @ W_v, x @ W_v)},
        ],
        "the new value is not made with W_v.": [
            {"new": lambda x, W_q, W_k, W_v: (x @ W_k, x @ W_k)},
            {"new": lambda x, W_q, W_k, W_v: (x @ W_k, x @ W_q)},
        ],
        "the query asks, x @ W_q: you ask with the key or the value.": [
            {"query": lambda x, W_q, W_k, W_v: x @ W_k},
            {"query": lambda x, W_q, W_k, W_v: x @ W_v},
        ],
        "the mean is over the values: yours is over the keys.": {"seen": lambda keys, values: (keys, keys)},
        "the scores are between query and keys: yours are with the values.": {"seen": lambda keys, values: (values, values)},
        "keys and values are swapped in the attention: the keys give the scores, the mean is over the values.": {"seen": lambda keys, values: (values, keys)},
        "nothing is kept: return the keys and values with the new row at the end.": {"results": lambda out, keys, values: (out, keys[:-1], values[:-1])},
        "these are the weights: the output is the mean of the values with these weights.": {"mix": lambda weights, values: weights},
        "return three things: the output, the keys and the values.": {"results": lambda out, keys, values: out},
        "keys and values are swapped in what you return.": {"results": lambda out, keys, values: (out, values, keys)},
        "the output comes first in what you return, then the keys and the values.": {"results": lambda out, keys, values: (keys, values, out)},
        "return all keys and values, not the new rows alone.": {"results": lambda out, keys, values: (out, keys[-1:], values[-1:])},
    },
)
def cached_step(
    x,
    keys,
    values,
    W_q,
    W_k,
    W_v,
    *,
    query=lambda x, W_q, W_k, W_v: x @ W_q,
    new=lambda x, W_q, W_k, W_v: (x @ W_k, x @ W_v),
    grown=lambda kept, new: torch.cat([kept, new]),
    seen=lambda keys, values: (keys, values),
    weigh=lambda scores, D, C: (scores / D**0.5).softmax(-1),
    mix=lambda weights, values: weights @ values,
    results=lambda out, keys, values: (out, keys, values),
):
    """Causal attention for one more token: the output, and the longer keys and values."""
    key, value = new(x, W_q, W_k, W_v)
    keys, values = grown(keys, key), grown(values, value)
    asked, looked_at = seen(keys, values)
    weights = weigh(query(x, W_q, W_k, W_v) @ asked.T, W_k.shape[1], x.shape[1])
    return results(mix(weights, looked_at), keys, values)
