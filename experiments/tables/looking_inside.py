"""What is found inside SmolLM2 and two-layer models of attention alone, each finding beside its null.

The parts: `scores` (induction scores, and those of an untrained model), `ablation` (heads with the best scores switched
off, and twenty draws of other heads in the same layers), `patching` (streams of one text put into another, and those of
a third text), `forming` (a head that forms while a small model trains, with one layer and without repeats as controls)
and `steering` (a vector between glad and sad texts added to the stream, and ten random vectors of the same norm).
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from course_lib import pretrained
from course_lib.attention import recorded
from course_lib.gpt import ModernGPT, ModernGPTConfig
from course_lib.interpret import ablation, induction_scores, recorded_activations, replaced, streams
from course_lib.metrics import bootstrap_interval
from course_lib.positions import rotation_at
from course_lib.runtime import own_randomness
from course_lib.tokenizers import BPETokenizer
from experiments.shared import rounded, seeded

PARTS = ("row", "patched")
CAPITALS = {
    "France": "Paris",
    "Italy": "Rome",
    "Spain": "Madrid",
    "Germany": "Berlin",
    "Japan": "Tokyo",
    "Russia": "Moscow",
    "China": "Beijing",
    "Greece": "Athens",
    "Ireland": "Dublin",
    "Portugal": "Lisbon",
    "Austria": "Vienna",
    "Cuba": "Havana",
}
ROWS, TESTED, HALF = 4, 8, 20  # random sequences to choose heads, to test them, and the length that is repeated
DRAWS = 20
GLAD = (
    "What a wonderful day",
    "I am so happy today",
    "We love this place",
    "The party was great fun",
    "She smiled with joy",
    "Everything went really well",
    "I enjoyed every minute",
    "It was a lovely evening",
)
SAD = (
    "What a terrible day",
    "I am so unhappy today",
    "We hate this place",
    "The party was awful",
    "She cried in pain",
    "Everything went badly wrong",
    "I regretted every minute",
    "It was a dreadful evening",
)
PROMPTS = (
    "I think that the film was",
    "To me this new book is",
    "My friend said the food was",
    "Our stay at the hotel was",
    "In the end the trip was",
    "Most people found the song",
)
GOOD, BAD = (" great", " good", " wonderful", " excellent"), (" terrible", " bad", " awful", " horrible")
NEUTRAL = (
    "The river rises in the hills near the border and flows north for about forty miles before it reaches the lake.",
    "Water boils at a lower temperature in the mountains because the pressure of the air falls with the height.",
)
LAYERS, SCALES = (6, 12, 18, 24), (-4.0, -2.0, -1.0, 1.0, 2.0, 4.0)
RANDOM_VECTORS = 10
SEEDS = (0, 1, 2)
VOCABULARY, LENGTH, STEPS, EVERY, BATCH_SIZE, LEARNING_RATE = 32, 32, 500, 50, 32, 0.003
PERIODS = (4, 16)


@cache
def smollm2() -> tuple[ModernGPT, BPETokenizer]:
    """The model and its tokenizer."""
    return pretrained.load_smollm2()


def repeats(seed: int, rows: int = ROWS, half: int = HALF, vocabulary: tuple[int, int] = (1_000, 40_000)) -> Tensor:
    """Random sequences of tokens, each twice."""
    tokens = torch.randint(*vocabulary, (rows, half), generator=Generator().manual_seed(seed))
    return torch.cat([tokens, tokens], dim=1)


def read_on(model: ModernGPT, x: Float[Tensor, "B T C"], layer: int) -> Float[Tensor, "B T C"]:
    """The normalised output of the last block where the stream before block `layer` is x."""
    d_head = model.config.d_model // model.config.n_heads
    rotation = rotation_at(torch.arange(x.shape[1])[None, None], d_head, model.config.rotary_base, x.dtype)
    for block in model.blocks[layer:]:
        x = block(x, rotation, None)
    return model.norm(x)


def untrained(seed: int) -> ModernGPT:
    """SmolLM2's sizes with initial weights."""
    return seeded(seed, lambda: ModernGPT(smollm2()[0].config)).eval()


def found(part: str, setting: list[Any], value: Any, null: Any, detail: dict[str, Any]) -> dict[str, Any]:
    """A row: what was found, with its interval where there is one, and its null."""
    return {"part": part, "setting": setting, "value": value, "null": null, "detail": detail}


def mean_of(values: Tensor) -> list[float]:
    """The mean with its 95% interval over items."""
    return rounded(bootstrap_interval(lambda x: x.mean(axis=-1), values.double().numpy()))


def scored(system: str) -> dict[str, Any]:
    """The ten best induction scores with their layers and heads; the null is the mean score of all heads."""
    model = smollm2()[0] if system == "SmolLM2" else untrained(0)
    scores = induction_scores(model, repeats(0))
    best = scores.flatten().argsort(descending=True)[:10].tolist()
    heads = [list(divmod(place, scores.shape[1])) for place in best]
    detail = {
        "heads": heads,
        "scores": [round(scores[layer, head].item(), 3) for layer, head in heads],
        "above 0.3": int((scores > 0.3).sum()),
        "layers": [round(score, 3) for score in scores.max(dim=1).values.tolist()],
    }
    return found("scores", [system], detail["scores"][0], round(scores.mean().item(), 3), detail)


def others(heads: Sequence[Sequence[int]], seed: int, n_heads: int = 9) -> list[list[int]]:
    """As many heads in each layer as these, drawn from the layer's other heads."""
    random, drawn = np.random.default_rng(seed), []
    for layer in sorted({layer for layer, _ in heads}):
        chosen = [head for at, head in heads if at == layer]
        rest = [head for head in range(n_heads) if head not in chosen]
        drawn += [[layer, int(head)] for head in random.choice(rest, len(chosen), replace=False)]
    return drawn


def ablated(number: int) -> dict[str, Any]:
    """The rise of the loss on repeats, in nats, without the best heads, and without each draw of others.

    The sequences are new. A switched-off head gives its mean on the sequences on which the scores were measured.
    """
    model, tokens = smollm2()[0], repeats(1, TESTED)
    heads = scored("SmolLM2")["detail"]["heads"][:number]
    layers = sorted({layer for layer, _ in heads})
    with torch.no_grad(), recorded_activations(model, [f"blocks.{n}.attention.heads" for n in layers]) as usual:
        model.read(repeats(0), torch.arange(2 * HALF)[None], [None] * model.config.n_layers)
    with torch.no_grad(), recorded_activations(model, [f"blocks.{layers[0]}.input"]) as before:
        model.read(tokens, torch.arange(2 * HALF)[None], [None] * model.config.n_layers)

    def losses(off: list[list[int]]) -> Float[Tensor, "2 N"]:
        """The loss of each sequence in its first and in its second half."""
        with torch.no_grad(), replaced(model, ablation(off, usual)):
            logits = model.logits(read_on(model, before[f"blocks.{layers[0]}.input"], layers[0]))[:, :-1]
        nats = F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
        return torch.stack([nats[:, :HALF].mean(dim=1), nats[:, HALF:].mean(dim=1)])

    plain, without = losses([]), losses(heads)
    draws = torch.stack([losses(others(heads, draw)) - plain for draw in range(DRAWS)]).mean(dim=2)
    detail = {
        "heads": heads,
        "plain": [round(loss, 3) for loss in plain.mean(dim=1).tolist()],
        "switched off": [round(loss, 3) for loss in without.mean(dim=1).tolist()],
        "first half, rise": mean_of(without[0] - plain[0]),
        "first half, null": [round(rise, 3) for rise in draws[:, 0].tolist()],
    }
    null = [round(rise, 3) for rise in draws[:, 1].tolist()]
    return found("ablation", [number], mean_of(without[1] - plain[1]), null, detail)


def capital_prompts(tokenizer: BPETokenizer) -> tuple[Int[Tensor, "B 5"], Int[Tensor, " B"]]:
    """ "The capital of France is" for each country, and the token of each capital."""
    prompts = [tokenizer.encode(f"The capital of {country} is") for country in CAPITALS]
    return torch.tensor(prompts), torch.tensor([tokenizer.encode(f" {capital}") for capital in CAPITALS.values()])[:, 0]


def patched(position: int) -> list[dict[str, Any]]:
    """The share restored by the stream at this position, layer by layer: the clean text's, and a third text's.

    The text with one country reads the stream of the one before it in the list; the third text is two before it.
    """
    model, tokenizer = smollm2()
    prompts, capitals = capital_prompts(tokenizer)
    with torch.no_grad(), recorded_activations(model, streams(model)) as at:
        logits = model(prompts)[:, -1]

    def metric(logits: Tensor) -> Tensor:
        """The clean text's capital minus the corrupted one's; row b is corrupted, b - 1 is clean."""
        return (logits.gather(1, capitals.roll(1)[:, None]) - logits.gather(1, capitals[:, None]))[:, 0]

    worst = metric(logits)
    best = (logits.gather(1, capitals[:, None]) - logits.gather(1, capitals.roll(-1)[:, None]))[:, 0].roll(1)
    rows = []
    for layer, place in enumerate(streams(model)):
        shares = {}
        for source, shift in (("clean", 1), ("third", 2)):
            x = at[place].clone()
            x[:, position] = at[place].roll(shift, dims=0)[:, position]
            with torch.no_grad():
                out = model.logits(read_on(model, x, layer)[:, -1])
            shares[source] = mean_of((metric(out) - worst) / (best - worst))
        rows.append(found("patching", [position, layer], shares["clean"], shares["third"], {}))
    return rows


class Nothing(nn.Module):
    """In place of a feed-forward: it adds nothing to the stream."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


def attention_only(n_layers: int, seed: int) -> ModernGPT:
    """A ModernGPT of two heads a layer whose feed-forwards add nothing."""
    config = ModernGPTConfig(
        vocab_size=VOCABULARY,
        context_length=LENGTH,
        d_model=64,
        n_layers=n_layers,
        n_heads=2,
        n_kv_heads=2,
        d_ff=8,
        tied=False,
    )
    with own_randomness(seed):
        model = ModernGPT(config)
        for block in model.blocks:
            block.feed_forward = Nothing()
        for weights in model.parameters():
            if weights.ndim == 2:
                nn.init.normal_(weights, std=0.1)
    return model


def periodic(rows: int, generator: Generator, repeated: bool = True) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B 1"]]:
    """Texts that repeat a random sequence, each with a period of its own; without repeats, random texts."""
    period = torch.randint(PERIODS[0], PERIODS[1] + 1, (rows, 1), generator=generator)
    words = torch.randint(VOCABULARY, (rows, LENGTH), generator=generator)
    return (words.gather(1, torch.arange(LENGTH)[None] % period) if repeated else words), period


@torch.no_grad()
def measured(model: ModernGPT) -> dict[str, Any]:
    """Accuracy where a token has been seen with what followed it, the best induction and previous-token scores."""
    texts, period = periodic(64, Generator().manual_seed(99))
    with recorded(model) as maps:
        right = (model(texts)[:, :-1].argmax(dim=-1) == texts[:, 1:]).double()
    seen = (torch.arange(1, LENGTH)[None] > period).double()
    previous = [weights.diagonal(-1, -2, -1).mean((0, 2)).max().item() for [weights] in maps.values()]
    induction = induction_scores(model, repeats(5, 64, LENGTH // 2, (0, VOCABULARY))).max().item()
    accuracy = mean_of((right * seen).sum(dim=1) / seen.sum(dim=1))
    return {"accuracy": accuracy, "induction": round(induction, 3), "previous token": round(max(previous), 3)}


def training(model: ModernGPT, seed: int, steps: int, repeated: bool = True) -> Iterator[dict[str, Any]]:
    """Train a model, and measure it before the first step and after every fiftieth."""
    generator = Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.99))
    warmup = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(1, (step + 1) / 50))
    yield {"step": 0} | measured(model)
    for step in range(1, steps + 1):
        texts, _ = periodic(BATCH_SIZE, generator, repeated)
        loss = F.cross_entropy(model(texts)[:, :-1].flatten(0, 1), texts[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        warmup.step()
        if step % EVERY == 0:
            yield {"step": step} | measured(model)


def formed(n_layers: int, repeated: bool, seed: int, steps: int = STEPS) -> dict[str, Any]:
    """What one training run gave, measured as it went: the accuracy at its end; the null is a guess."""
    curve = list(training(attention_only(n_layers, seed), seed, steps, repeated))
    detail = {name: [point[name] for point in curve] for name in ("step", "induction", "previous token")}
    detail["accuracy"] = [point["accuracy"][0] for point in curve]
    return found("forming", [n_layers, repeated, seed], curve[-1]["accuracy"], 1 / VOCABULARY, detail)


@cache
def steering_vectors() -> Float[Tensor, "L C"]:
    """For each layer, the mean stream at the last token of the glad texts minus that of the sad ones."""
    model, tokenizer = smollm2()
    means = []
    for texts in (GLAD, SAD):
        last = []
        for text in texts:
            with torch.no_grad(), recorded_activations(model, streams(model)) as at:
                model(torch.tensor([tokenizer.encode(text)]))
            last.append(torch.stack([at[place][0, -1] for place in streams(model)]))
        means.append(torch.stack(last).mean(dim=0))
    return means[0] - means[1]


@cache
def _read_up_to(texts: tuple[str, ...]) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    """The streams of some texts, each by itself, at every place."""
    model, tokenizer = smollm2()
    tokens = [torch.tensor([tokenizer.encode(text)]) for text in texts]
    found = []
    for row in tokens:
        with torch.no_grad(), recorded_activations(model, streams(model)) as at:
            model.read(row, torch.arange(row.shape[1])[None], [None] * model.config.n_layers)
        found.append(at)
    return tokens, found


def with_vectors(layer: int, vectors: Float[Tensor, "N C"]) -> tuple[Float[Tensor, "P N"], Float[Tensor, "Q N"]]:
    """For each vector, added to the stream before block `layer`: the log odds of good words, and the neutral loss."""
    model, tokenizer = smollm2()
    place, odds, nats = streams(model)[layer], [], []
    good, bad = ([tokenizer.encode(word)[0] for word in words] for words in (GOOD, BAD))
    with torch.no_grad():
        for at in _read_up_to(PROMPTS)[1]:
            logits = model.logits(read_on(model, at[place] + vectors[:, None], layer)[:, -1])
            odds.append(logits[:, good].logsumexp(-1) - logits[:, bad].logsumexp(-1))
        for tokens, at in zip(*_read_up_to(NEUTRAL), strict=True):
            logits = model.logits(read_on(model, at[place] + vectors[:, None], layer))[:, :-1]
            targets = tokens[:, 1:].expand(len(vectors), -1)
            nats.append(F.cross_entropy(logits.transpose(1, 2), targets, reduction="none").mean(dim=1))
    return torch.stack(odds), torch.stack(nats)


@cache
def steered(layer: int, scale: float, randoms: int = RANDOM_VECTORS) -> dict[str, Any]:
    """The log odds of good words and the loss of neutral text, with the vector, and with random ones of its norm."""
    vector = scale * steering_vectors()[layer]
    random = torch.randn(randoms, len(vector), generator=Generator().manual_seed(layer))
    random = random / random.norm(dim=1, keepdim=True) * vector.norm()
    odds, nats = with_vectors(layer, torch.cat([torch.zeros(1, len(vector)), vector[None], random]))
    shifts, costs = odds[:, 1:] - odds[:, :1], (nats[:, 1:] - nats[:, :1]).mean(dim=0)
    detail = {
        "cost": round(costs[0].item(), 3),
        "null, costs": [round(cost, 3) for cost in costs[1:].tolist()],
        "norm": round(vector.norm().item(), 1),
    }
    null = [round(shift, 3) for shift in shifts[:, 1:].mean(dim=0).tolist()]
    return found("steering", [layer, scale], mean_of(shifts[:, 0]), null, detail)


def row(part: str, *setting: Any) -> dict[str, Any]:
    """One row of a part that has a row for each setting."""
    return {"ablation": ablated, "forming": formed, "scores": scored, "steering": steered}[part](*setting)


def rows() -> Iterator[dict[str, Any]]:
    """All parts."""
    for n_layers, repeated in ((2, True), (1, True), (2, False)):
        for seed in SEEDS:
            yield row("forming", n_layers, repeated, seed)
    for system in ("SmolLM2", "untrained"):
        yield row("scores", system)
    for number in (5, 10):
        yield row("ablation", number)
    for position in (1, 3, 4):
        yield from patched(position)
    for layer in LAYERS:
        for scale in SCALES:
            yield row("steering", layer, scale)
