"""Vectors learned by prediction: skip-gram with negative sampling (Mikolov et al., 2013b), in matrix products.

A word's vector u is trained to tell the words c that stand near it in a text from words n drawn at random:

    loss of a pair = -ln σ(u · c) - Σ ln σ(-u · n), in nats, over `negatives` words n

Written so, a pair costs six short products, and a text makes six pairs a word. Here BLOCK words in a row share SHARED
negatives and look at one stretch of text, so that all their scores are one matrix product (after Ji et al., 2016);
weights keep the loss the same on average. A negative that is the very word to be predicted does not count, as in
word2vec.

Axes: N blocks, B words of a block, S words of the stretch it looks at and then its negatives, D width, V vocabulary.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor
from torch.nn import functional as F

from course_lib.validation import (
    Ids,
    require,
    require_finite,
    require_integer,
    require_number,
    require_sizes,
    rows_of_ids,
)

__all__ = ["SkipGramConfig", "SkipGramProgress", "keep_probability", "noise_distribution", "train_skipgram"]

BLOCK, SHARED, BATCH = 32, 32, 64  # words of a block, negatives of a block, blocks at a time
REACH = 3.0  # pairs' worth of gradient, rate and weight in, that one batch may add to a vector


@dataclass(frozen=True, kw_only=True)
class SkipGramConfig:
    """How to train; the defaults are word2vec's but for learning_rate (there 0.025, pair by pair)."""

    d_embed: int = 100
    window: int = 5  # words of either side at most: each word's reach is drawn from 1 to this
    negatives: int = 5  # for each pair
    subsample: float | int = 1e-3  # words more frequent than about this share of the text are thinned; 0 keeps all
    noise_power: float | int = 0.75  # negatives are drawn in proportion to count ** noise_power
    learning_rate: float | int = 0.05  # falls linearly to 0
    epochs: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        require_sizes(self, "d_embed", "window", "negatives", "epochs")
        require_number("subsample", self.subsample, at_least=0, below=math.inf)
        require_number("noise_power", self.noise_power, at_least=0, below=math.inf)
        require_number("learning_rate", self.learning_rate, above=0, below=math.inf)
        require_integer("seed", self.seed, at_least=0)


@dataclass(frozen=True)
class SkipGramProgress:
    """What `watch` is shown: the share of the training that is done, a pair's loss just then, the vectors so far."""

    done: float
    loss: float
    vectors: Tensor


def keep_probability(counts: Int[Tensor, " V"] | Sequence[int], subsample: float | int) -> Float[Tensor, " V"]:
    """How likely an occurrence of each word is kept: min(1, √(s / f) + s / f), f being the word's share of the text.

    The formula of the word2vec program; the paper (2013b, section 2.3) gives √(s / f). With s = 0 all are kept. Raises
    ValueError for counts below 0 or of nothing, and s below 0.

    >>> keep_probability(torch.tensor([990, 10]), 0.01)
    tensor([0.1106, 1.0000])
    """
    counts = _counts(counts)
    require_number("subsample", subsample, at_least=0, below=math.inf)
    ratio = subsample * counts.sum() / counts.double()
    return (ratio.sqrt() + ratio).clamp(max=1).float() if subsample else torch.ones(len(counts))


def noise_distribution(counts: Int[Tensor, " V"] | Sequence[int], power: float | int) -> Float[Tensor, " V"]:
    """How likely each word is drawn as a negative: in proportion to count ** power (2013b, section 2.2).

    Raises ValueError for counts below 0 or of nothing, and a power below 0.

    >>> noise_distribution(torch.tensor([16, 1]), 0.75)
    tensor([0.8889, 0.1111])
    """
    counts = _counts(counts)
    require_number("power", power, at_least=0, below=math.inf)
    weights = counts.double() ** power
    return (weights / weights.sum()).float()


def _counts(counts: Int[Tensor, " V"] | Sequence[int]) -> Int[Tensor, " V"]:
    array = require_finite("counts", counts)
    fit = array.ndim == 1 and array.min(initial=0) >= 0 and array.any()
    require(fit, "counts must be one number of at least 0 for each word, not all 0", counts)
    return counts if isinstance(counts, Tensor) else torch.from_numpy(array)


def train_skipgram(
    documents: Iterable[Ids],
    vocab_size: int,
    config: SkipGramConfig | None = None,
    *,
    watch: Callable[[SkipGramProgress], None] | None = None,
    device: torch.device | str = "cpu",
) -> tuple[Float[Tensor, "V D"], Float[Tensor, "V D"]]:
    """Train on documents of word ids (unknown words left out): the words' vectors, and their vectors as contexts.

    No pair crosses from one document to the next. `watch` is called about a hundred times. The stop button (Ctrl-C)
    ends the training and keeps what was learned. The same seed gives the same vectors on the same kind of device.
    Raises ValueError for one flat document, an id outside 0 ... vocab_size - 1, or no two words left beside each other.
    """
    config = config or SkipGramConfig()
    words, document = _flatten(documents, vocab_size)
    words, document = words.to(device), document.to(device)
    counts = words.bincount(minlength=vocab_size)
    keep, noise = keep_probability(counts, config.subsample), noise_distribution(counts, config.noise_power)
    generator = Generator(device).manual_seed(config.seed)
    vectors = (torch.rand(vocab_size, config.d_embed, generator=generator, device=device) - 0.5) / config.d_embed
    contexts = torch.zeros_like(vectors)
    total = config.epochs * float(keep[words].sum().clamp(min=1))
    done, shown, trained = 0, 0.0, torch.zeros((), device=device)
    try:
        for stretch, pairs in _batches(words, document, keep, config, generator):
            drawn = torch.multinomial(noise, SHARED * len(stretch), replacement=True, generator=generator)
            rows, weights = _with_negatives(stretch, pairs, drawn.view(-1, SHARED), config.negatives)
            rate = config.learning_rate * max(1 - done / total, 1e-4)
            scores = _step(vectors, contexts, stretch[:, config.window : -config.window], rows, weights, rate)
            done += BLOCK * len(stretch)
            trained += pairs.sum()
            if watch and done / total >= shown:
                shown = done / total + 0.01
                watch(SkipGramProgress(min(done / total, 1.0), _loss(scores, weights), vectors))
    except KeyboardInterrupt:
        return vectors, contexts
    expected = f"subsample must leave two of the {len(words)} words beside each other (a larger one leaves more, 0 all)"
    require(trained, expected, config.subsample)
    return vectors, contexts


def _flatten(documents: Iterable[Ids], vocab_size: int) -> tuple[Int[Tensor, " T"], Int[Tensor, " T"]]:
    """All documents after one another, and the number of the document that each word is of."""
    require_integer("vocab_size", vocab_size, at_least=1)
    parts = [torch.tensor(document, dtype=torch.long) for document in rows_of_ids("documents", documents, vocab_size)]
    lengths = torch.tensor([len(part) for part in parts], dtype=torch.long)
    if not len(lengths) or lengths.max() < 2:
        raise ValueError("expected a document of at least two words, but there is none")
    return torch.cat(parts), torch.repeat_interleave(torch.arange(len(parts)), lengths)


def _batches(
    words: Int[Tensor, " T"],
    document: Int[Tensor, " T"],
    keep: Float[Tensor, " V"],
    config: SkipGramConfig,
    generator: Generator,
) -> Iterator[tuple[Int[Tensor, "N S"], Float[Tensor, "N B S"]]]:
    """Stretches of the thinned text, and for each word of a block which words of its stretch it is to predict."""
    window, device = config.window, words.device
    positions = torch.arange(BLOCK + 2 * window, device=device)
    distance = (positions - window - torch.arange(BLOCK, device=device)[:, None]).abs()  # (B, S)
    for _ in range(config.epochs):
        kept = torch.rand(len(words), generator=generator, device=device) < keep[words]
        if not kept.any():
            continue
        ends = (window, window + -int(kept.sum()) % BLOCK)
        text = F.pad(words[kept], ends).unfold(0, len(positions), BLOCK)
        owner = F.pad(document[kept], ends, value=-1).unfold(0, len(positions), BLOCK)
        reach = torch.randint(1, window + 1, (len(text), BLOCK, 1), generator=generator, device=device)
        for start in range(0, len(text), BATCH):
            some = slice(start, start + BATCH)
            mine = owner[some, window:-window, None]
            pairs = (distance > 0) & (distance <= reach[some]) & (mine == owner[some, None]) & (mine >= 0)
            yield text[some], pairs.float()


def _with_negatives(
    stretch: Int[Tensor, "N P"], pairs: Float[Tensor, "N B P"], drawn: Int[Tensor, "N K"], negatives: int
) -> tuple[Int[Tensor, "N S"], Float[Tensor, "N B S"]]:
    """The words that each block is scored against, and the weight of each score in the loss.

    Each pair wants `negatives` words and K are drawn for it: each weighs negatives / K, for every pair of the word
    except those whose context is the drawn word itself.
    """
    same = (stretch[:, :, None] == drawn[:, None]).float()  # (N, P, K)
    weights = (pairs.sum(-1, keepdim=True) - pairs @ same) * (negatives / drawn.shape[1])
    return torch.cat([stretch, drawn], 1), torch.cat([pairs, weights], 2)


def _step(
    vectors: Float[Tensor, "V D"],
    contexts: Float[Tensor, "V D"],
    block: Int[Tensor, "N B"],
    rows: Int[Tensor, "N S"],
    weights: Float[Tensor, "N B S"],
    rate: float | int,
) -> Float[Tensor, "N B S"]:
    """One step against the gradient, in place; returns the scores before it.

    A vector that takes part in many pairs of the batch would overshoot, as all its gradients are taken at the old
    point: its rate is cut so that the weights of its pairs times the rate come to REACH at most.
    """
    u, c = vectors[block], contexts[rows]  # (N, B, D), (N, S, D)
    scores = u @ c.mT
    slope = weights * (_is_pair(scores) - scores.sigmoid())
    for table, index, gradient, load in (
        (vectors, block, slope @ c, weights.sum(2)),
        (contexts, rows, slope.mT @ u, weights.sum(1)),
    ):
        index, load = index.flatten(), load.flatten()
        loads = torch.zeros(len(table), device=table.device).index_add_(0, index, load)
        rates = (REACH / loads).clamp_(max=rate)[index, None]
        table.index_add_(0, index, gradient.flatten(0, 1).mul_(rates))
    return scores


def _is_pair(scores: Float[Tensor, "N B S"]) -> Float[Tensor, " S"]:
    """1 for the words of the stretch, which the block is to find; 0 for the negatives, which it is to turn down."""
    return (torch.arange(scores.shape[2], device=scores.device) < scores.shape[2] - SHARED).float()


def _loss(scores: Float[Tensor, "N B S"], weights: Float[Tensor, "N B S"]) -> float:
    """The mean loss of a pair with its negatives, in nats: (1 + negatives) ln 2 before training."""
    is_pair = _is_pair(scores)
    losses = F.softplus(scores * (1 - 2 * is_pair))
    return ((weights * losses).sum() / (weights * is_pair).sum().clamp(min=1)).item()
