"""The GPT of the notebook gpt at the dial's "gpu" scale, on one GPU: in float32, in bfloat16, and in bfloat16 compiled.

Data, sizes, steps and learning rate are those of the notebook's training cell where there is CUDA; the model is the
library's `GPT`, which computes what the notebook's class computes. A step takes 1.2 * 10^12 operations, so an H100
should need a few minutes for all rows; nobody has timed it yet. The weights stay in float32: bfloat16 is the precision
of the matrix products in training. Every row is scored in float32.
"""

import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from course_lib.gpt import GPT, GPTConfig
from course_lib.losses import next_token_loss, text_losses
from course_lib.training import Execution, TrainingConfig, flops_per_token, random_windows
from experiments.shared import bits, characters, seeded, train_whole

SIZES = {"context_length": 256, "d_model": 384, "n_layers": 6, "n_heads": 6}
STEPS, LEARNING_RATE, BATCH_SIZE = 2000, 0.001, 64  # steps, of so many windows
VOCABULARY = 80  # characters
WARMUP = 20  # steps that the speed leaves out: the first one compiles
WAYS = (("float32", False), ("bfloat16", False), ("bfloat16", True))  # precision, compiled
# A GPU's operations per second in bfloat16 with dense matrices, from the data sheets, by what its name contains; the
# first that fits counts.
PEAK_FLOPS = {
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "H200 NVL": 835e12,
    "H200": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L40": 181e12,
    "L4": 121e12,
}


def lacks() -> str | None:
    """What this machine lacks for the table, in one sentence; None where it can be made."""
    if torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False):
        return None
    return "gpu_run needs an NVIDIA GPU that computes in bfloat16 (2020 or newer), and PyTorch finds none here"


def peak_flops(gpu: str) -> float | None:
    """The operations per second of a GPU in bfloat16, by its name; None for one that PEAK_FLOPS does not have."""
    for name, peak in PEAK_FLOPS.items():
        if name in gpu:
            return peak
    return None


def ids(split: str) -> Tensor:
    """A split's characters as ids, where the model is trained."""
    return torch.from_numpy(characters(split)).to("cuda" if torch.cuda.is_available() else "cpu")


def row(
    precision: str,
    compiled: bool,
    seed: int = 0,
    steps: int = STEPS,
    batch_size: int = BATCH_SIZE,
    held_out: int | None = None,
    **sizes: int,
) -> dict[str, Any]:
    """One run: the loss on the validation plays (or their first `held_out` characters), and what the training took.

    `sizes` replace some of the gpu scale's. Utilisation (MFU) is the share of the peak in bfloat16 in every row.
    """
    config = GPTConfig(vocab_size=VOCABULARY, **SIZES | sizes)
    text = ids("train")
    model = seeded(seed, lambda: GPT(config)).to(text.device)
    draw = random_windows(text, batch_size=batch_size, context_length=config.context_length)
    schedule = TrainingConfig(steps=steps, learning_rate=LEARNING_RATE, warmup_steps=steps // 20, beta2=0.99, seed=seed)
    execution = Execution(precision=precision, compile=compiled)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    history = train_whole(model, next_token_loss, draw, schedule, execution=execution)
    seconds = time.perf_counter() - start
    timed = history.seconds[min(WARMUP, steps // 2) :]
    speed = batch_size * config.context_length * len(timed) / sum(timed)
    about = {"precision": precision, "compiled": compiled, "seed": seed, "steps": steps, "seconds": round(seconds, 1)}
    about |= _of_machine(speed * flops_per_token(model, config.context_length))
    nats = text_losses(model, ids("validation")[:held_out]).double().cpu().numpy()
    return about | {
        "tokens per second": round(speed),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "nats per character": round(float(nats.mean()), 4),
        "bits per character": bits(nats),
    }


def _of_machine(flops: float) -> dict[str, Any]:
    """What a run used of the GPU, given its operations per second; a CPU has neither its memory nor its peak."""
    on_gpu = torch.cuda.is_available()
    gpu = torch.cuda.get_device_name() if on_gpu else "none"
    peak = peak_flops(gpu)
    return {
        "memory, GB": round(torch.cuda.max_memory_allocated() / 1e9, 2) if on_gpu else None,
        "MFU": round(flops / peak, 4) if peak else None,
        "GPU": gpu,
        "versions": {"torch": torch.__version__, "CUDA": torch.version.cuda},
    }


def rows() -> Iterator[dict[str, Any]]:
    """The same training in three ways."""
    for precision, compiled in WAYS:
        yield row(precision, compiled)
