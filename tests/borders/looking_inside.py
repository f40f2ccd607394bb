"""Borders of `interpret`, `privacy` and `watermark`."""

import math

import torch
from course_lib.gpt import GPT, GPTConfig
from course_lib.interpret import (
    ablation,
    direct_attribution,
    induction_scores,
    linear_probe,
    logit_lens,
    patching_map,
    recorded_activations,
    replaced,
    streams,
)
from course_lib.privacy import draw_secrets, epsilon, exposure, plant, poisson_rows, private_loss
from course_lib.watermark import Watermark, Watermarked
from torch import nn

from borders import Border

MODEL = GPT(GPTConfig(vocab_size=7, context_length=5, d_model=4, n_layers=1, n_heads=2))
TOKENS = torch.tensor([[1, 2, 1, 2]])
ID = torch.tensor([3])
LABELS = [0, 1] * 4
ROWS = torch.eye(8)
HELD_OUT = [False] * 6 + [True] * 2


def record(places, model=MODEL, passes=1, given=TOKENS):
    with recorded_activations(model, places):
        for _ in range(passes):
            MODEL(given)


def replace(changes, model=MODEL, passes=1):
    with replaced(model, changes):
        for _ in range(passes):
            MODEL(TOKENS)


def patch(clean=(1, 2), corrupted=(3, 2), metric=lambda logits: logits[:, -1, 0], places=None, model=MODEL):
    return patching_map(model, clean, corrupted, metric, places)


def probe(features=ROWS, labels=LABELS, held_out=HELD_OUT, **options):
    return linear_probe(features, labels, held_out, **options)


def spent(**changes):
    return epsilon(**{"rate": 0.1, "noise": 1.0, "steps": 10, "delta": 1e-5} | changes)


def made_private(loss=lambda model, batch: model(batch[0]).sum(), **changes):
    return private_loss(loss, **{"clip": 1.0, "noise": 1.0, "batch_size": 2} | changes)


PLACES = [
    ("a module that is not there", "blocks.1", "a place must be a module's name"),
    ("heads of no attention", "norm.heads", "a place must be a module's name"),
    ("a number after input", "norm.input.1", "a place must be a module's name"),
    ("a head too many", "blocks.0.attention.heads.2", "heads of blocks.0.attention must be below 2, but it is '2'"),
]

INSIDE = [
    *(Border("interpret.recorded_activations", mistake, lambda place=place: record([place]), says) for mistake, place, says in PLACES),
    *(Border("interpret.replaced", mistake, lambda place=place: replace({place: torch.sin}), says) for mistake, place, says in PLACES),
    Border("interpret.recorded_activations", "one place", lambda: record("norm"), "places must be several texts, but it is one, 'norm'"),
    Border("interpret.recorded_activations", "a number", lambda: record([3]), "places[0] must be a string, but it is 3"),
    Border("interpret.recorded_activations", "a word for the model", lambda: record(["norm"], "gpt"), "the model must be a torch.nn.Module"),
    Border("interpret.recorded_activations", "two passes", lambda: record(["norm"], passes=2), "one forward pass is recorded at a time, but norm came twice"),
    Border("interpret.recorded_activations", "no pass", lambda: record(["norm"], passes=0), "but not once through ['norm']"),
    Border("interpret.replaced", "no pass", lambda: replace({"norm": torch.sin}, passes=0), "but not once through ['norm']"),
    Border("interpret.replaced", "a word for the model", lambda: replace({"norm": torch.sin}, "gpt"), "the model must be a torch.nn.Module"),
    Border("interpret.replaced", "a list of places", lambda: replace(["norm"]), "changes must be a dictionary from places to tensors or functions"),
    Border("interpret.replaced", "a number", lambda: replace({"norm": 0}), "the replacement at norm must be a tensor or a function, but it is 0"),
    Border("interpret.replaced", "another shape", lambda: replace({"norm": torch.zeros(4)}), "the replacement at norm must be a tensor of shape (1, 4, 4)"),
    Border("interpret.replaced", "nothing returned", lambda: replace({"norm": lambda x: None}), "must be a tensor of shape (1, 4, 4), but it is None"),
    Border("interpret.streams", "no blocks of that name", lambda: streams(MODEL, "encoder"), "blocks must be the name of a model's list of blocks"),
    Border("interpret.streams", "a module of another kind", lambda: streams(MODEL, "norm"), "blocks must be the name of a model's list of blocks"),
    Border("interpret.logit_lens", "another model", lambda: logit_lens(nn.Linear(2, 3), TOKENS), "the model must be a GPT or a ModernGPT"),
    Border("interpret.logit_lens", "no batch axis", lambda: logit_lens(MODEL, TOKENS[0]), "tokens must be a tensor of integers (batch, time)"),
    Border("interpret.patching_map", "two lengths", lambda: patch((1, 2, 3)), "corrupted must have 3 tokens, as clean has, but it is 2"),
    Border("interpret.patching_map", "a text", lambda: patch("ab"), "clean must be a sequence of ids"),
    Border("interpret.patching_map", "equal texts", lambda: patch((3, 2)), "the metric must differ between clean and corrupted"),
    Border("interpret.patching_map", "one number for all rows", lambda: patch(metric=torch.sum), "the metric's values must be a tensor of floats (2)"),
    Border("interpret.patching_map", "one place", lambda: patch(places="norm"), "places must be several texts, but it is one"),
    Border("interpret.direct_attribution", "another model", lambda: direct_attribution(nn.Linear(2, 3), TOKENS, ID, ID), "the model must be a GPT or"),
    Border("interpret.direct_attribution", "no batch axis", lambda: direct_attribution(MODEL, TOKENS[0], ID, ID), "tokens must be a tensor of integers"),
    Border("interpret.direct_attribution", "two ids", lambda: direct_attribution(MODEL, TOKENS, TOKENS[0, :2], ID), "right must be a tensor of integers (1)"),
    Border("interpret.direct_attribution", "a number", lambda: direct_attribution(MODEL, TOKENS, ID, 3), "wrong must be a tensor of integers (1)"),
    Border("interpret.induction_scores", "nothing repeated", lambda: induction_scores(MODEL, TOKENS.sort().values), "each row of tokens must be a sequence"),
    Border("interpret.induction_scores", "an odd length", lambda: induction_scores(MODEL, TOKENS[:, :3]), "each row of tokens must be a sequence"),
    Border("interpret.induction_scores", "no batch axis", lambda: induction_scores(MODEL, TOKENS[0]), "tokens must be a tensor of integers (batch, time)"),
    Border("interpret.induction_scores", "no attention", lambda: induction_scores(nn.Linear(2, 3), TOKENS), "nothing in this Linear is attention"),
    Border("interpret.ablation", "a place", lambda: ablation(["blocks.0"]), "heads must be pairs (layer, head), but it is 'blocks.0'"),
    Border("interpret.ablation", "a layer not recorded", lambda: ablation([(0, 1)], {}), "usual must have the activations at blocks.0.attention.heads"),
    Border("interpret.linear_probe", "one row", lambda: probe(ROWS[0]), "features must be rows of numbers"),
    Border("interpret.linear_probe", "NaN", lambda: probe(ROWS * math.nan), "features must be finite numbers"),
    Border("interpret.linear_probe", "a label too few", lambda: probe(labels=LABELS[1:]), "labels must be 8, one for each row of features"),
    Border("interpret.linear_probe", "nothing held out", lambda: probe(held_out=[False] * 8), "held_out must be 8 booleans, some of them True"),
    Border("interpret.linear_probe", "positions held out", lambda: probe(held_out=[6, 7]), "held_out must be 8 booleans, some of them True"),
    Border("interpret.linear_probe", "a single label", lambda: probe(labels=[1] * 8), "the training rows must have at least two labels"),
    Border("interpret.linear_probe", "a key too few", lambda: probe(keys=LABELS[1:]), "keys must be 8, one for each row of features"),
    Border("interpret.linear_probe", "a seed", lambda: probe(seed=-1), "seed must be at least 0"),
]

PRIVACY = [
    Border("privacy.draw_secrets", "more than there are", lambda: draw_secrets(11, 1), "count must be at least 1 and at most 10"),
    Border("privacy.draw_secrets", "no digits", lambda: draw_secrets(1, 0), "n_digits must be at least 1"),
    Border("privacy.draw_secrets", "a seed", lambda: draw_secrets(1, 1, -1), "seed must be at least 0"),
    Border("privacy.plant", "a number for the text", lambda: plant(3, {}), "text must be a string"),
    Border("privacy.plant", "a list", lambda: plant("a", ["b"]), "sentences must be a dictionary from sentences to counts"),
    Border("privacy.plant", "half a time", lambda: plant("a", {"b": 0.5}), "the count of 'b' must be an integer, but it is 0.5"),
    Border("privacy.plant", "a seed", lambda: plant("a", {"b": 1}, -1), "seed must be at least 0"),
    Border("privacy.exposure", "no others", lambda: exposure([1.0], []), "others must be a row of losses"),
    Border("privacy.exposure", "rows for other secrets", lambda: exposure([1.0], [[1.0], [2.0]]), "or have the shape (1, 'N')"),
    Border("privacy.exposure", "NaN", lambda: exposure([math.nan], [1.0]), "secrets must be finite numbers"),
    Border("privacy.poisson_rows", "no tensor", lambda: poisson_rows([1], rate=0.5), "rows must be tensors"),
    Border("privacy.poisson_rows", "two lengths", lambda: poisson_rows(ROWS, ID, rate=0.5), "the tensors must have equally many rows, but it is [8, 1]"),
    Border("privacy.poisson_rows", "a rate above 1", lambda: poisson_rows(ROWS, rate=2), "rate must be above 0 and at most 1"),
    Border("privacy.private_loss", "no function", lambda: made_private(3), "the loss must be a function of a model and a batch"),
    Border("privacy.private_loss", "a tensor for the batch", lambda: made_private()(nn.Linear(8, 1), ROWS), "a batch must be a tuple of tensors with rows"),
    *(
        Border("privacy.private_loss", f"{name}: {value!r}", lambda name=name, value=value: made_private(**{name: value}), f"{name} must be a")
        for name, values in {"clip": (0, math.inf, None), "noise": (-1, math.nan), "batch_size": (0, "4")}.items()
        for value in values
    ),
    *(
        Border("privacy.epsilon", f"{name}: {value!r}", lambda name=name, value=value: spent(**{name: value}), f"{name} must be a")
        for name, values in {"rate": (0, 2), "noise": (0, math.inf), "steps": (0, 1.5), "delta": (0, 1)}.items()
        for value in values
    ),
]

WATERMARK = [
    *(
        Border("watermark.Watermark", f"{name}: {value!r}", lambda name=name, value=value: Watermark(**{"vocab_size": 7, name: value}), f"{name} must be a")
        for name, values in {"vocab_size": (1, 2.5), "key": (-1, "secret"), "share": (0, 1), "strength": (-1, math.inf)}.items()
        for value in values
    ),
    Border("watermark.Watermark.green", "an id beyond", lambda: Watermark(vocab_size=7).green(7), "previous must be at least 0 and at most 6"),
    Border("watermark.Watermark.z_score", "one token", lambda: Watermark(vocab_size=7).z_score([3]), "a text must have at least 2 tokens, but it is 1"),
    Border("watermark.Watermark.z_score", "a text", lambda: Watermark(vocab_size=7).z_score("ab"), "tokens must be a sequence of ids"),
    Border("watermark.Watermarked", "no decoder", lambda: Watermarked(nn.Linear(2, 3), Watermark(vocab_size=7)), "model must have start and step"),
    Border("watermark.Watermarked", "a key alone", lambda: Watermarked(MODEL, 7), "the watermark must be a Watermark, but it is 7"),
    Border(
        "watermark.Watermarked",
        "another vocabulary",
        lambda: Watermarked(MODEL, Watermark(vocab_size=8)).step(ID, MODEL.start(TOKENS, [1])),
        "the logits must be a tensor of floats (1, 8), but it is a tensor of shape (1, 7)",
    ),
]

BORDERS = [*INSIDE, *PRIVACY, *WATERMARK]
NOTHING = {
    "interpret.Attribution": "what direct_attribution returns",
    "interpret.Probe": "what linear_probe returns",
}
