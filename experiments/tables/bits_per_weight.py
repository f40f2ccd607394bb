"""What fewer bits per weight cost: the loss of two models whose linear layers are kept in integers.

The Shakespeare GPT was trained by the course in float32. SmolLM2 comes from a file that keeps its layers in Q4_1, so
its float32 weights already lie on grids of 16 values.
"""

import copy
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib import data
from course_lib.metrics import bootstrap_interval
from course_lib.pretrained import load_shakespeare_gpt, load_smollm2
from course_lib.quantisation import QuantisationConfig, quantise_model
from experiments.shared import rounded

WINDOW = 128  # tokens
WINDOWS = {"shakespeare_gpt": 64, "smollm2": 16}
BLOCKS = {"shakespeare_gpt": 16, "smollm2": 32}  # must divide the width of every layer
CHOICE: dict[str, Any] = {"bits": 4, "zero_point": False, "leave_out": []}
CHANGES: list[dict[str, Any]] = [
    {"bits": 8, "block": None},
    {},
    {"zero_point": True},
    {"block": None},
    {"bits": 3},
    {"bits": 3, "zero_point": True},
    {"bits": 2, "zero_point": True},
]
LAYERS = ["attention.projection", "attention.output", "feed_forward.hidden", "feed_forward.output"]


@cache
def model_and_text(name: str, split: str) -> tuple[nn.Module, Tensor]:
    """The model, and the windows of a text that it has not been trained on, as far as we know."""
    if name == "shakespeare_gpt":
        (model, tokenizer), text = load_shakespeare_gpt(), data.shakespeare(split)[:200_000]
    else:
        model, tokenizer = load_smollm2()
        passages = dict.fromkeys(question.passage for question in data.question_set("boolq")[split])
        text = "\n\n".join(list(passages)[:200])
    ids, length = torch.tensor(tokenizer.encode(text)), WINDOW + 1
    starts = np.linspace(0, len(ids) - length, WINDOWS[name], dtype=int).tolist()
    return model, torch.stack([ids[start : start + length] for start in starts])


@torch.no_grad()
def losses(model: nn.Module, windows: Tensor) -> np.ndarray:
    """The mean loss of each window, in nats per token."""
    parts = [model(rows[:, :-1]).transpose(1, 2) for rows in windows.split(8)]
    return F.cross_entropy(torch.cat(parts), windows[:, 1:], reduction="none").mean(dim=1).double().numpy()


@cache
def exact(name: str, split: str) -> np.ndarray:
    """The losses of the model as it is."""
    return losses(*model_and_text(name, split))


def row(
    name: str,
    *,
    bits: int,
    block: int | None,
    zero_point: bool,
    leave_out: Sequence[str] = (),
    split: str = "test",
) -> dict[str, Any]:
    """Bits per weight of the linear layers, and the rise of the loss over float32's on the same windows."""
    model, windows = model_and_text(name, split)
    model, config = copy.deepcopy(model), QuantisationConfig(bits=bits, block=block, zero_point=zero_point)
    layers = {path: layer.weight.shape for path, layer in model.named_modules() if isinstance(layer, nn.Linear)}
    quantise_model(model, config, leave_out)
    kept = {path: shape for path, shape in layers.items() if any(part in path for part in leave_out)}
    spent = sum(
        shape.numel() * (32 if path in kept else config.bits_per_weight(shape[1])) for path, shape in layers.items()
    )
    found, before = losses(model, windows), exact(name, split)
    return {
        "model": name,
        "split": split,
        "bits": bits,
        "block": block,
        "zero_point": zero_point,
        "leave_out": list(leave_out),
        "bits per weight": round(spent / sum(shape.numel() for shape in layers.values()), 3),
        "loss": rounded(bootstrap_interval(lambda x: x.mean(-1), found)),
        "rise": rounded(bootstrap_interval(lambda x: x.mean(-1), found - before)),
    }


def rows() -> Iterator[dict[str, Any]]:
    """One change at a time, for both models; for ours on the validation plays, too, and with layers left in float32."""
    for name, split in (("shakespeare_gpt", "test"), ("shakespeare_gpt", "validation"), ("smollm2", "test")):
        for changes in CHANGES:
            yield row(name, split=split, **CHOICE | {"block": BLOCKS[name]} | changes)
    for layer in LAYERS:
        changes = {"block": 16, "bits": 2, "zero_point": True, "leave_out": [layer]}
        yield row("shakespeare_gpt", split="validation", **CHOICE | changes)
