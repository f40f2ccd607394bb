"""What the Transformer's parts are for: one change a row, for as many steps."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from course_lib.transformer import Transformer
from experiments.folio import held_out_loss, scores, train_folio
from experiments.shared import seeded
from experiments.tables.translation import SYSTEMS, TRANSFORMER

ROTARY_CROSS = "rotary cross-attention"  # it compares positions of the target with positions of the source
# Of each change: what it gives the model, and what it gives the training.
CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "none": ({}, {}),
    "1 head": ({"n_heads": 1}, {}),
    "8 heads": ({"n_heads": 8}, {}),
    "1 + 1 layers": ({"n_encoder_layers": 1, "n_decoder_layers": 1}, {}),
    "3 + 1 layers": ({"n_encoder_layers": 3, "n_decoder_layers": 1}, {}),
    ROTARY_CROSS: ({}, {}),
    "sinusoidal positions": ({"positions": "sinusoidal"}, {}),
    "learned positions": ({"positions": "learned"}, {}),
    "no positions": ({"positions": "none"}, {}),
    "no warm-up": ({}, {"warmup_steps": 0}),
    "post-norm": ({"norm": "post"}, {}),
    "post-norm, no warm-up": ({"norm": "post"}, {"warmup_steps": 0}),
    "label smoothing 0.1": ({}, {"label_smoothing": 0.1}),
}
STEPS, LINES = 1_000, 2_000


def row(change: str, seed: int, steps: int = STEPS) -> dict[str, Any]:
    """One changed model's loss on the validation plays, and its scores on some of their lines, greedy."""
    of_model, of_training = CHANGES[change]
    _, _, batch_tokens, learning_rate = SYSTEMS["Transformer"]
    model = seeded(seed, lambda: Transformer(replace(TRANSFORMER, **of_model)))
    if change == ROTARY_CROSS:
        for block in model.decoder:
            block.cross_attention.rotary = True
    minutes = train_folio(model, steps, learning_rate, seed, batch_tokens=batch_tokens, **of_training)
    return {
        "change": change,
        "seed": seed,
        "steps": steps,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "minutes": round(minutes, 1),
        "validation": held_out_loss(model),
        **scores(model, "validation", LINES),
    }


def rows() -> Iterator[dict[str, Any]]:
    """Every change once; the unchanged model for three seeds, to see how much is chance, and very shortly."""
    yield row("none", 0, 100)
    for change in CHANGES:
        yield row(change, 0)
    for seed in (1, 2):
        yield row("none", seed)
