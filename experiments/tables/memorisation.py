"""How exposed secrets are that were planted in a small GPT's training text, whether its texts can be told, and DP-SGD.

The text is half of 450 pieces of Shakespeare's plays, drawn by the seed; the other half is held out. In it stand lines
such as "The number of Bedaro is 493817.", with twenty numbers for each count of copies. A number's exposure is its
rank among 512 candidates. The rows of "private" learn from lines, of which DP-SGD hides each.
"""

import random
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib import data
from course_lib.generation import GenerationConfig, generate
from course_lib.gpt import GPT, GPTConfig
from course_lib.losses import next_token_loss, token_losses
from course_lib.metrics import bootstrap_interval
from course_lib.privacy import draw_secrets, epsilon, exposure, plant, poisson_rows, private_loss
from course_lib.tokenizers import CharTokenizer
from course_lib.training import TrainingConfig, random_windows
from experiments.shared import rounded, seeded, train_whole

PARTS = ("row", "run", "private_run")
SEEDS = (0, 1, 2)
COPIES, A_LEVEL, OTHERS = (0, 1, 4, 16, 64), 20, 511
PIECES, LENGTH, JUDGED = 450, 1000, 400  # pieces, characters of each, and how many membership is inferred for
WINDOWS, STEPS, RATE = 16, 500, 0.008  # of 64 characters; two passes over half of the pieces
USUAL = {"context_length": 64, "d_model": 80, "n_layers": 3, "n_heads": 5}
SETTINGS: dict[str, dict[str, Any]] = {
    "untrained": {"steps": 0},
    "usual": {},
    "deduplicated": {"deduplicated": True},
    "a quarter of the text": {"share": 0.25},
}
# DP-SGD
LINES, LINE, A_FEW = 4000, 64, 5  # rows, the characters that each may have, secrets a level
DRAWN, PRIVATE_STEPS, CLIP, DELTA = 48, 250, 0.5, 1e-5
PRIVATE_SIZES = {"context_length": LINE, "d_model": 64, "n_layers": 2, "n_heads": 4}
NOISES = {"plain": None, "clipped": 0.0, "noise 1": 1.0}
COLUMNS: dict[str, Any] = dict.fromkeys(
    "part setting copies attack epsilon exposure bits extracted area found".split()
) | {"held out": None}


def people(count: int, seed: int) -> list[str]:
    """Invented names, all different."""
    dice, found = random.Random(seed), {}
    while len(found) < count:
        syllables = [dice.choice("bdfgklmnprstvz") + dice.choice("aeiou") for _ in range(3)]
        found["".join(syllables).capitalize()] = None
    return list(found)


def sentence(name: str, number: str = "") -> str:
    """The line that holds a secret, or its beginning."""
    return f"The number of {name} is {number}." if number else f"The number of {name} is "


def planted(a_level: int, seed: int) -> list[tuple[str, str, int]]:
    """A name, its number, and how often their line is planted."""
    numbers = draw_secrets(a_level * len(COPIES), 6, seed)
    names = people(len(numbers), seed)
    return [(name, number, COPIES[i // a_level]) for i, (name, number) in enumerate(zip(names, numbers, strict=True))]


@cache
def pieces() -> list[str]:
    """Pieces of the plays, one after the other."""
    text = data.shakespeare("train")
    return [text[LENGTH * i : LENGTH * (i + 1)] for i in range(PIECES)]


@cache
def tokenizer() -> CharTokenizer:
    """The characters of the plays, and digits."""
    return CharTokenizer.train(data.shakespeare("train") + "0123456789")


def members(seed: int) -> list[bool]:
    """Which pieces are in the training text of a seed."""
    inside = set(random.Random(seed).sample(range(PIECES), PIECES // 2))
    return [number in inside for number in range(PIECES)]


def build(sizes: dict[str, int], seed: int) -> GPT:
    """A GPT with its initial weights."""
    return seeded(seed, lambda: GPT(GPTConfig(vocab_size=tokenizer().vocab_size, **sizes)))


def trained(
    secrets: list[tuple[str, str, int]],
    seed: int,
    steps: int = STEPS,
    share: float = 1.0,
    deduplicated: bool = False,
    sizes: dict[str, int] = USUAL,
) -> GPT:
    """A GPT that has read the pieces of a seed, or a share of them, with the secrets planted."""
    model = build(sizes, seed)
    if steps:
        read = [piece for piece, inside in zip(pieces(), members(seed), strict=True) if inside]
        lines = {sentence(name, number): min(copies, 1) if deduplicated else copies for name, number, copies in secrets}
        text = plant("\n".join(read[: round(share * len(read))]), lines, seed)
        batches = random_windows(torch.tensor(tokenizer().encode(text)), batch_size=WINDOWS, context_length=64)
        config = TrainingConfig(steps=steps, learning_rate=RATE, warmup_steps=steps // 20, beta2=0.99, seed=seed)
        train_whole(model, next_token_loss, batches, config)
    return model


@torch.no_grad()
def number_losses(model: GPT, name: str, numbers: list[str]) -> Tensor:
    """-ln p of numbers after the beginning of a name's line, in nats; the beginning is read once."""
    begin = torch.tensor([tokenizer().encode(sentence(name))])
    digits = torch.tensor([tokenizer().encode(number) for number in numbers])
    state = model.start(begin[:, :-1], [begin.shape[1] - 1])
    state = model.reorder(state, torch.zeros(len(numbers), dtype=torch.long))
    inputs = torch.cat([begin[:, -1:].expand(len(numbers), 1), digits[:, :-1]], dim=1)
    logits, _ = model.extend(inputs, state)
    return F.cross_entropy(logits.transpose(1, 2), digits, reduction="none").sum(dim=1)


def told(model: GPT, secrets: list[tuple[str, str, int]], seed: int, others: int = OTHERS) -> list[dict[str, Any]]:
    """Of each secret: its copies, its exposure, its loss in bits, and whether the model's likeliest digits are it."""
    known = {number for _, number, _ in secrets}
    drawn = draw_secrets(others + len(known), 6, seed + 1000)
    candidates = [number for number in drawn if number not in known][:others]
    greedy = GenerationConfig(temperature=0, max_new_tokens=6)
    written = generate(model, [tokenizer().encode(sentence(name)) for name, _, _ in secrets], greedy)
    found = []
    for (name, number, copies), digits in zip(secrets, written, strict=True):
        own, *other = number_losses(model, name, [number, *candidates]).tolist()
        bits = {"exposure": float(exposure([own], other)[0]), "bits": own / np.log(2)}
        found.append({"copies": copies, "extracted": tokenizer().decode(digits) == number, **bits})
    return found


def piece_losses(model: GPT) -> list[float]:
    """The mean of -ln p over the characters of each piece that is judged, in nats, in windows of 64."""
    ids = torch.tensor([tokenizer().encode(piece) for piece in pieces()[:JUDGED]])
    windows = ids[:, : LENGTH // 65 * 65].reshape(-1, 65)
    losses = token_losses(model, windows[:, :-1], windows[:, 1:])
    return losses.reshape(JUDGED, -1).mean(dim=1).tolist()


def run(setting: str, seed: int, copies: int | None = None) -> dict[str, Any]:
    """One model: what it tells of each secret, or of those with so many copies alone, and its loss on each piece."""
    secrets = planted(A_LEVEL, seed)
    model = trained(secrets, seed, **SETTINGS[setting])
    if copies is not None:
        return {"secrets": told(model, [secret for secret in secrets if secret[2] == copies], seed), "losses": None}
    return {"secrets": told(model, secrets, seed), "losses": piece_losses(model)}


def row(setting: str, copies: int) -> dict[str, Any]:
    """Exposure, loss and extraction of the secrets with so many copies, over all seeds."""
    untrained = SETTINGS[setting].get("steps") == 0
    runs = [run(setting, seed, copies if untrained else None) for seed in SEEDS]
    secrets = [secret for one in runs for secret in one["secrets"] if secret["copies"] == copies]
    stored = COLUMNS | {"part": "secrets", "setting": setting, "copies": copies}
    for name in ("exposure", "bits", "extracted"):
        stored[name] = _mean([secret[name] for secret in secrets])
    if not untrained:
        outside = [~np.array(members(seed))[:JUDGED] for seed in SEEDS]
        losses = [np.array(one["losses"])[out] for one, out in zip(runs, outside, strict=True)]
        stored["held out"] = [round(float(loss.mean() / np.log(2)), 4) for loss in losses]
    return stored


def _mean(values: list[Any]) -> list[float]:
    return rounded(bootstrap_interval(lambda x: x.mean(axis=-1), np.array(values, dtype=float)))


def area(inside: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The probability that a member's score is higher than another's; over the last axis."""
    ranks = stats.rankdata(scores, axis=-1)
    n = inside.sum(axis=-1)
    above = (ranks * inside).sum(axis=-1) - n * (n + 1) / 2
    return above / (n * (inside.shape[-1] - n))


def found_at(inside: np.ndarray, scores: np.ndarray, alarms: float = 0.01) -> float:
    """The share of members that score above all but so many of the others."""
    return float((scores[inside] > np.quantile(scores[~inside], 1 - alarms)).mean())


def membership(setting: str, attack: str) -> dict[str, Any]:
    """How well a piece's loss, or how far it is below other models' loss, tells that the piece was in training.

    The control takes the members of the next seed's model, whose pieces were drawn independently.
    """
    losses = np.array([run(setting, seed)["losses"] for seed in SEEDS])
    lists = (*SEEDS[1:], SEEDS[0]) if attack == "loss, wrong list" else SEEDS
    inside = np.array([members(seed)[:JUDGED] for seed in lists])
    used = np.array([_used(seed, SETTINGS[setting].get("share", 1.0))[:JUDGED] for seed in lists])
    scores = -losses
    if attack == "loss against other models":
        scores = (losses.sum(axis=0) - losses) / (len(SEEDS) - 1) - losses
    kinds = np.where(used, 1, np.where(inside, -1, 0))  # -1: in the seed's half, but this model has not read it
    found = [found_at(kind[kind >= 0] == 1, score[kind >= 0]) for kind, score in zip(kinds, scores, strict=True)]

    def statistic(numbers: np.ndarray) -> np.ndarray:
        drawn = np.atleast_2d(numbers.astype(int))
        areas = [_mean_area(kinds[:, one], scores[:, one]) for one in drawn]
        return np.array(areas).reshape(numbers.shape[:-1])

    interval = bootstrap_interval(statistic, np.arange(JUDGED), n_resamples=500)
    stored = COLUMNS | {"part": "membership", "setting": setting, "attack": attack}
    return stored | {"area": rounded(interval), "found": round(float(np.mean(found)), 4)}


def _used(seed: int, share: float) -> np.ndarray:
    """Which pieces a model has read, where it reads the first share of its members."""
    inside = np.array(members(seed))
    return inside & (inside.cumsum() <= round(share * inside.sum()))


def _mean_area(kinds: np.ndarray, scores: np.ndarray) -> float:
    areas = []
    for kind, score in zip(kinds, scores, strict=True):
        areas.append(area(kind[kind >= 0] == 1, score[kind >= 0]))
    return float(np.mean(areas))


def line_rows(lines: list[str]) -> tuple[Tensor, Tensor]:
    """Lines as inputs and targets, cut at LINE characters; -100, which does not count, after a line's end."""
    inputs = torch.zeros(len(lines), LINE, dtype=torch.long)
    targets = torch.full((len(lines), LINE), -100)
    for row, line in enumerate(lines):
        ids = torch.tensor(tokenizer().encode("\n" + line + "\n")[: LINE + 1])
        inputs[row, : len(ids) - 1], targets[row, : len(ids) - 1] = ids[:-1], ids[1:]
    return inputs, targets


def private_run(method: str, seed: int) -> dict[str, Any]:
    """A GPT that learns from lines, some with secrets, plainly, with clipped gradients, or with noise, too."""
    secrets = planted(A_FEW, seed)
    in_text = {sentence(name, number): copies for name, number, copies in secrets}
    lines = [line.strip() for line in data.shakespeare("train").split("\n") if 20 <= len(line.strip()) < LINE]
    chosen = random.Random(seed).sample(lines, LINES + 500)
    read = plant("\n".join(chosen[:LINES]), in_text, seed).split("\n")
    inputs, targets = line_rows(read)
    model, noise = build(PRIVATE_SIZES, seed), NOISES[method]
    loss: Callable[..., Tensor] = next_token_loss
    if noise is not None:
        loss = private_loss(next_token_loss, clip=CLIP, noise=noise, batch_size=DRAWN)
    draw = poisson_rows(inputs, targets, rate=DRAWN / len(read))
    config = TrainingConfig(
        steps=PRIVATE_STEPS, learning_rate=RATE, warmup_steps=PRIVATE_STEPS // 20, beta2=0.99, seed=seed
    )
    train_whole(model, loss, draw, config)
    held_out = held_out_bits(model, chosen[LINES:])
    spent = epsilon(rate=DRAWN / len(read), noise=noise, steps=PRIVATE_STEPS, delta=DELTA) if noise else None
    return {"secrets": told(model, secrets, seed), "held out": held_out, "epsilon": spent}


def held_out_bits(model: nn.Module, lines: list[str]) -> float:
    """Bits per character of lines."""
    inputs, targets = line_rows(lines)
    with torch.no_grad():
        return float(next_token_loss(model, (inputs, targets))) / np.log(2)


def private_rows(method: str) -> Iterator[dict[str, Any]]:
    """What privacy costs in bits per character, and what it does to secrets that occur never, once and 64 times."""
    runs = [private_run(method, seed) for seed in SEEDS]
    epsilons = [one["epsilon"] for one in runs]
    for copies in (0, 1, 64):
        secrets = [secret for one in runs for secret in one["secrets"] if secret["copies"] == copies]
        stored = COLUMNS | {"part": "private", "setting": method, "copies": copies, "epsilon": epsilons[0]}
        stored["held out"] = [round(one["held out"], 4) for one in runs]
        for name in ("exposure", "bits", "extracted"):
            stored[name] = _mean([secret[name] for secret in secrets])
        yield stored


def rows() -> Iterator[dict[str, Any]]:
    """Secrets by setting and copies; membership by attack; DP-SGD by its noise."""
    for setting in SETTINGS:
        for copies in COPIES:
            yield row(setting, copies)
    for setting in ("usual", "a quarter of the text"):
        for attack in ("loss", "loss against other models", "loss, wrong list"):
            yield membership(setting, attack)
    for method in NOISES:
        yield from private_rows(method)
