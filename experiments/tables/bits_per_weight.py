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
LAYERS = ["attention.projection", "attention.output", "feed_forward.hidden", "feed_forward.output"]
BLOCKS = {"shakespeare_gpt": 16, "smollm2": 32}  # must divide the width of every layer
CHANGES: list[dict[str, Any]] = [
    {"bits": 8, "block": None},
    {},
    {"zero_point": True},
    {"block": None},
    {"bits": 3},
    {"bits": 3, "zero_point": True},
    {"bits": 2, "zero_point": True},
]


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


def row(name: str, *, bits: Sequence[int], block: int | None, zero_point: bool, split: str = "test") -> dict[str, Any]:
    """Bits per weight of the linear layers, and the rise of the loss over float32's on the same windows.

    `bits` has a number for each of the LAYERS.
    """
    model, windows = model_and_text(name, split)
    model, spent = copy.deepcopy(model), 0.0
    sizes = {path: layer.weight.shape for path, layer in model.named_modules() if isinstance(layer, nn.Linear)}
    for number, (kind, width) in enumerate(zip(LAYERS, bits, strict=True)):
        config = QuantisationConfig(bits=width, block=block, zero_point=zero_point)
        quantise_model(model, config, leave_out=LAYERS[number + 1 :])
        spent += sum(shape.numel() * config.bits_per_weight(shape[1]) for path, shape in sizes.items() if kind in path)
    found, before = losses(model, windows), exact(name, split)
    return {
        "model": name,
        "split": split,
        "bits": list(bits),
        "block": block,
        "zero_point": zero_point,
        "bits per weight": round(spent / sum(shape.numel() for shape in sizes.values()), 3),
        "loss": rounded(bootstrap_interval(lambda x: x.mean(-1), found)),
        "rise": rounded(bootstrap_interval(lambda x: x.mean(-1), found - before)),
    }


def rows() -> Iterator[dict[str, Any]]:
    """Settings for all layers alike, for both models; for ours also 3 bits for one kind of layer and 4 for the rest."""
    for name in WINDOWS:
        for changes in CHANGES:
            choice = {"bits": 4, "block": BLOCKS[name], "zero_point": False} | changes
            yield row(name, **choice | {"bits": [choice["bits"]] * 4})
    for bits in [[4, 4, 4, 4], [3, 4, 4, 4], [4, 3, 4, 4], [4, 4, 3, 4], [4, 4, 4, 3], [5, 5, 5, 5]]:
        yield row("shakespeare_gpt", bits=bits, block=None, zero_point=False, split="validation")
