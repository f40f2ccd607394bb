"""Fill a gap in Shakespeare: small BERTs by how their attention begins and what they are asked, beside counts.

Windows of 32 words and punctuation marks of the training plays; of each held-out window one known word is hidden. Short
runs are scored on the validation plays. The choice in `CHOICE` runs longer, with three seeds, and is scored on the test
plays, beside counts, a left-to-right model of equal size and steps, and the plain model. Intervals are over the gaps,
differences paired.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from course_lib import data
from course_lib.attention import MultiHeadAttention, attend, causal_mask, dot_product_scores
from course_lib.bert import BERTConfig, MaskedLM, masked_token_loss
from course_lib.losses import IGNORED
from course_lib.metrics import bootstrap_interval
from course_lib.runtime import evaluating
from course_lib.training import TrainingConfig
from experiments.shared import rounded, seeded, train_whole

PAD, UNKNOWN, MASK, SPECIAL = 0, 1, 2, 3  # the first three ids, and how many they are
VOCABULARY, LENGTH, GAPS, EDGE = 3_000, 32, 2_000, 4  # EDGE: a gap has so many tokens on each side
SIZES = {"context_length": LENGTH, "d_model": 128, "n_layers": 2, "n_heads": 4, "d_ff": 256, "dropout": 0.0}
BATCH_SIZE, LEARNING_RATE, SHORT, LONG = 64, 0.003, 120, 1_000
SEEDS = (0, 1, 2)
BEGINS = ("learned positions alone", "zero", "distance", "neighbours", "far")
CHOICE = {"begins": "neighbours", "share": 0.3, "chosen": (0.8, 0.1, 0.1), "loss": "gaps"}
COUNTS = ("unigram", "left bigram", "left trigram", "both neighbours", "two on the left, one on the right")
CLASSES = ("punctuation", "100 most frequent words", "other words")
STRENGTH = {1: 50.0, 2: 20.0, 3: 5.0}  # how many observations the shorter context is worth, by the context's length


def words(text: str) -> list[str]:
    """Words in lower case and punctuation marks."""
    return re.findall(r"[a-z]+(?:'[a-z]+)*|[.,!?;:]", text.lower())


@cache
def vocabulary() -> list[str]:
    """Padding, unknown, mask, then the most frequent words of the training plays."""
    counts = Counter(words(data.shakespeare("train")))
    return ["[PAD]", "[UNK]", "[MASK]", *(word for word, _ in counts.most_common(VOCABULARY - SPECIAL))]


@cache
def windows(split: str) -> Int[Tensor, "N T"]:
    """The ids of a split in windows that do not overlap."""
    number = {word: id for id, word in enumerate(vocabulary())}
    ids = torch.tensor([number.get(word, UNKNOWN) for word in words(data.shakespeare(split))])
    return ids[: len(ids) // LENGTH * LENGTH].view(-1, LENGTH)


@cache
def gaps(split: str) -> tuple[Int[Tensor, "N T"], Int[Tensor, " N"], Int[Tensor, " N"]]:
    """Held-out windows, the position of the gap in each, and the hidden word there, which is a known one."""
    generator = Generator().manual_seed(7)
    rows = windows(split)[torch.randperm(len(windows(split)), generator=generator)]
    at = torch.randint(EDGE, LENGTH - EDGE, (len(rows),), generator=generator)
    known = rows[torch.arange(len(rows)), at] >= SPECIAL
    rows, at = rows[known][:GAPS], at[known][:GAPS]
    return rows, at, rows[torch.arange(len(rows)), at]


@cache
def followers() -> tuple[Float[np.ndarray, " V"], Float[np.ndarray, "V V"]]:
    """The share of each word, and the probability of each after each, by counting; specials have none."""
    rows, pairs = windows("train").numpy(), np.zeros((VOCABULARY, VOCABULARY))
    np.add.at(pairs, (rows[:, :-1].ravel(), rows[:, 1:].ravel()), 1)
    unigram = np.bincount(rows.ravel(), minlength=VOCABULARY) + 0.01
    unigram[:SPECIAL] = 0
    unigram /= unigram.sum()
    smooth = (pairs + STRENGTH[1] * unigram) / (pairs.sum(axis=1, keepdims=True) + STRENGTH[1])
    return unigram, np.maximum(smooth, 1e-9)


def beside(split: str, offset: int) -> Int[np.ndarray, " N"]:
    """The token so many places beside each gap."""
    rows, at, _ = gaps(split)
    return rows[torch.arange(len(rows)), at + offset].numpy()


def with_context(split: str, offsets: tuple[int, ...], shorter: np.ndarray) -> Float[np.ndarray, "N V"]:
    """Counts of the words with these neighbours, and the shorter context's probabilities for a few observations."""
    rows, seen = windows("train").numpy(), defaultdict(Counter)
    columns = range(-min(*offsets, 0), LENGTH - max(*offsets, 0))
    for column in columns:
        contexts = rows[:, [column + offset for offset in offsets]].tolist()
        for context, word in zip(contexts, rows[:, column].tolist(), strict=True):
            seen[tuple(context)][word] += 1
    found, strength = shorter.copy(), STRENGTH[len(offsets)]
    for i, context in enumerate(zip(*(beside(split, offset).tolist() for offset in offsets), strict=True)):
        counts = seen.get(context, Counter())
        found[i] *= strength
        found[i, list(counts)] += list(counts.values())
        found[i] /= counts.total() + strength
    return found


def by_counting(split: str, system: str) -> Float[np.ndarray, "N V"]:
    """The probability of each word in each gap, by a system of COUNTS."""
    unigram, after = followers()
    if system == "unigram":
        return np.tile(unigram, (len(gaps(split)[0]), 1))
    left = after[beside(split, -1)]
    if system == "left bigram":
        return left
    if system == "left trigram":
        return with_context(split, (-2, -1), left)
    both = left * after[:, beside(split, 1)].T
    both = with_context(split, (-1, 1), both / both.sum(axis=1, keepdims=True))
    return both if system == "both neighbours" else with_context(split, (-2, -1, 1), both)


class NearbyAttention(MultiHeadAttention):
    """MultiHeadAttention with a learned bias for each head and distance: softmax(q kᵀ / √D + b[j - i]) v.

    Raffel et al. (2020, section 2.1). `begins` says what b is at first.
    """

    def __init__(self, d_model: int, n_heads: int, begins: str, causal: bool = False) -> None:
        super().__init__(d_model, n_heads)
        self.causal, distances = causal, torch.arange(1.0 - LENGTH, LENGTH)
        if begins == "zero":
            bias = torch.zeros(n_heads, len(distances))
        elif begins == "distance":  # Press et al. (2022)
            bias = -distances.abs().repeat(n_heads, 1)
        else:
            bias = -(distances - favoured(begins, n_heads, causal)[:, None]).abs()
        self.bias = nn.Parameter(bias)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Bool[Tensor, "..."] | None) -> Tensor:
        at = torch.arange(q.shape[2])
        if self.causal:
            mask = mask & causal_mask(len(at))
        scores = dot_product_scores(q, k) + self.bias[:, at - at[:, None] + LENGTH - 1]
        heads, _ = attend(scores, v, mask)
        return self.output(heads.transpose(1, 2).flatten(2))


def favoured(begins: str, n_heads: int, causal: bool) -> Float[Tensor, " H"]:
    """The distance at which each head begins: those of the nearest neighbours, or of some far away."""
    near = -torch.arange(n_heads) if causal else torch.tensor([-1, 1, -2, 2])[:n_heads]
    return near.float() if begins == "neighbours" else near + 8.0 * near.sign()


def build(begins: str, seed: int, causal: bool = False) -> MaskedLM:
    """A MaskedLM of SIZES with the initial weights of a seed, whose attention begins so."""

    def made() -> MaskedLM:
        model = MaskedLM(BERTConfig(vocab_size=VOCABULARY, **SIZES))
        for block in model.bert.blocks if begins != BEGINS[0] else []:
            block.attention = NearbyAttention(SIZES["d_model"], SIZES["n_heads"], begins, causal)
            for linear in (block.attention.projection, block.attention.output):
                nn.init.normal_(linear.weight, std=0.02)
        return model

    return seeded(seed, made)


def with_gaps(
    rows: Int[Tensor, "B T"], share: float, chosen: tuple[float, float, float], loss: str, generator: Generator
) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]:
    """As `bert.mask_tokens`, with other shares of mask, random word and the word itself; `loss` on "gaps" or "all"."""
    drawn, kind = torch.rand(2, *rows.shape, generator=generator)
    other = torch.randint(SPECIAL, VOCABULARY, rows.shape, generator=generator)
    picked, (mask, random, _) = (drawn < share) & (rows >= SPECIAL), chosen
    inputs = torch.where(picked & (kind < mask), MASK, rows)
    inputs = torch.where(picked & (kind >= mask) & (kind < mask + random), other, inputs)
    asked = picked if loss == "gaps" else rows >= SPECIAL
    return inputs, torch.where(asked, rows, IGNORED)


def next_words(rows: Int[Tensor, "B T"], generator: Generator) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]:
    """What a left-to-right model is asked: the next word, as often as a masked model is asked for one."""
    targets = torch.cat([rows[:, 1:], torch.zeros_like(rows[:, :1])], dim=1)
    asked = (torch.rand(rows.shape, generator=generator) < CHOICE["share"]) & (targets >= SPECIAL)
    return rows, torch.where(asked, targets, IGNORED)


def draws(make: Callable[..., Any]) -> Callable[[Generator], Any]:
    """A function that draws a batch of training windows and makes inputs and targets of it."""
    rows = windows("train")

    def draw(generator: Generator) -> Any:
        some = rows[torch.randint(len(rows), (BATCH_SIZE,), generator=generator)]
        return make(some, generator=generator)

    return draw


@torch.no_grad()
def predicted(model: MaskedLM, split: str, shown: str = "mask", many: int = GAPS) -> Float[np.ndarray, "N V"]:
    """The probability of each word in each gap: where the mask stands, the word itself, or a random other word.

    With "left", the model reads to the token before the gap only.
    """
    rows, at, truth = (tensor[:many] for tensor in gaps(split))
    here, read = torch.arange(len(rows)), rows.clone()
    random = torch.randint(SPECIAL, VOCABULARY, at.shape, generator=Generator().manual_seed(1))
    read[here, at] = {"mask": torch.full_like(at, MASK), "word": truth, "random": random, "left": truth}[shown]
    with evaluating(model):
        states = torch.cat([model.bert(part) for part in read.split(250)])
        logits = model.logits(states[here, at - 1 if shown == "left" else at])
    logits[:, :SPECIAL] = -torch.inf
    return logits.double().softmax(dim=1).numpy()


def right(probabilities: Float[np.ndarray, "N V"], split: str) -> Float[np.ndarray, " N"]:
    """1 for each gap whose most probable word is the hidden one, else 0."""
    return (probabilities.argmax(axis=1) == gaps(split)[2].numpy()).astype(float)


@cache
def right_by_counting(split: str, system: str) -> Float[np.ndarray, " N"]:
    return right(by_counting(split, system), split)


def interval(values: np.ndarray) -> list[float]:
    """The mean with its 95% interval over the gaps."""
    return rounded(bootstrap_interval(lambda x: x.mean(axis=-1), values))


def kinds(split: str) -> Int[np.ndarray, " N"]:
    """Each gap's class, an index of CLASSES."""
    words = np.array(vocabulary())
    mark = np.array([not word[0].isalpha() for word in words])
    frequent = np.cumsum(~mark & (np.arange(VOCABULARY) >= SPECIAL)) <= 100
    return np.where(mark, 0, np.where(frequent, 1, 2))[gaps(split)[2].numpy()]


def scores(probabilities: Float[np.ndarray, "N V"], split: str) -> dict[str, Any]:
    """Accuracy and nats over all gaps, accuracy by class, and paired differences to the counts from both sides."""
    hits, truth = right(probabilities, split), gaps(split)[2].numpy()
    nats = -np.log(np.maximum(probabilities[np.arange(len(truth)), truth], 1e-12))
    found = {"accuracy": interval(hits), "nats": interval(nats)}
    for system in COUNTS[-2:]:
        found[f"minus {system}"] = interval(hits - right_by_counting(split, system))
    for number, name in enumerate(CLASSES):
        some = kinds(split) == number
        found[name] = interval(hits[some])
        found[f"{name}, minus {COUNTS[-1]}"] = interval((hits - right_by_counting(split, COUNTS[-1]))[some])
    return found


def counted(system: str, split: str) -> dict[str, Any]:
    """The row of a system that counts."""
    settings = dict.fromkeys(("begins", "share", "chosen", "loss", "seed"))
    found = {"system": system, **settings, "steps": 0, "split": split}
    return found | scores(by_counting(split, system), split) | {"word": None, "random": None, "curve": None}


def row(
    begins: str, share: float, chosen: tuple[float, float, float], loss: str, seed: int, steps: int, split: str
) -> dict[str, Any]:
    """A masked model's scores, how often it names a word that it sees and one that another word hides, and its curve.

    The curve is of nats on 500 gaps of the validation plays.
    """
    model = build(begins, seed)
    make = partial(with_gaps, share=share, chosen=chosen, loss=loss)
    curve = trained(model, draws(make), steps, seed, "mask")
    settings = {"begins": begins, "share": share, "chosen": list(chosen), "loss": loss, "seed": seed}
    found = {"system": "masked model", **settings, "steps": steps, "split": split}
    seen = {shown: interval(right(predicted(model, split, shown), split)) for shown in ("word", "random")}
    return found | scores(predicted(model, split), split) | seen | {"curve": curve}


def left_to_right(seed: int, steps: int, split: str) -> dict[str, Any]:
    """The scores of a model of equal size that reads from the left, and is asked for next words."""
    model = build("neighbours", seed, causal=True)
    curve = trained(model, draws(next_words), steps, seed, "left")
    settings = {"begins": "neighbours", "share": None, "chosen": None, "loss": "next word", "seed": seed}
    found = {"system": "left to right", **settings, "steps": steps, "split": split}
    return found | scores(predicted(model, split, "left"), split) | {"word": None, "random": None, "curve": curve}


def trained(
    model: MaskedLM,
    batches: Callable[[Generator], Any],
    steps: int,
    seed: int,
    shown: str,
    rate: float = LEARNING_RATE,
    evaluations: int | None = None,
) -> dict[int, float]:
    """Train a model; returns its nats on 500 gaps of the validation plays, on the way: 12 times, or 5 in a long run."""
    truth = gaps("validation")[2][:500]

    def held_out(model: nn.Module) -> float:
        probabilities = torch.from_numpy(predicted(model, "validation", shown, 500))
        return F.nll_loss(probabilities.clamp(min=1e-12).log(), truth).item()

    config = TrainingConfig(
        steps=steps,
        learning_rate=rate,
        warmup_steps=min(100, steps // 3),
        weight_decay=0.01,
        beta2=0.98,
        evaluate_every=max(1, steps // (evaluations or (12 if steps < LONG else 5))),
        seed=seed,
    )
    history = train_whole(model, masked_token_loss, batches, config, evaluate=held_out)
    return {step: round(value, 3) for step, value in history.evaluations.items()}


def after_few_steps(begins: str, share: float, rate: float, steps: int) -> float:
    """The nats on 500 gaps of the validation plays, the rest as in CHOICE, with the first seed."""
    make = partial(with_gaps, share=share, chosen=CHOICE["chosen"], loss=CHOICE["loss"])
    return trained(build(begins, 0), draws(make), steps, 0, "mask", rate, evaluations=1)[steps]


PARTS = ("row", "left_to_right", "counted")


def rows() -> Iterator[dict[str, Any]]:
    """Counts; short runs on the validation plays, each with one thing changed; long runs on the test plays."""
    for split in ("validation", "test"):
        for system in COUNTS:
            yield counted(system, split)
    changes = [{"begins": begins} for begins in BEGINS]
    changes += [{"chosen": (1.0, 0.0, 0.0)}, {"loss": "all"}]
    for change in changes:
        yield row(**CHOICE | change, seed=0, steps=SHORT, split="validation")
    for seed in SEEDS:
        yield row(**CHOICE, seed=seed, steps=LONG, split="test")
    yield row(**CHOICE | {"begins": BEGINS[0]}, seed=0, steps=LONG, split="test")
    for seed in SEEDS:
        yield left_to_right(seed=seed, steps=LONG, split="test")
