"""SmolLM2 taught to write the lines of 1623 in modern spelling, in the form of its chats."""

import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Generator, nn

from course_lib import data
from course_lib.gpt import ModernGPT
from course_lib.lora import LoRAConfig, add_lora
from course_lib.pretrained import chat_tokens, load_smollm2
from course_lib.runtime import evaluating, own_randomness
from course_lib.tokenizers import BPETokenizer
from course_lib.training import Execution, TrainingConfig
from experiments.branches import Branches, branched, branches_loss, common_beginning, scored
from experiments.directions import head_only
from experiments.folio import lines
from experiments.shared import one_core, train_whole

__all__ = [
    "ADAPTERS",
    "cost",
    "end_token",
    "exact",
    "model",
    "other_texts",
    "prompt",
    "text_bits",
    "tune",
    "tuned",
]

SYSTEM = "Modern spelling."
ADAPTERS = LoRAConfig(rank=4, alpha=8, targets=["blocks"])
BATCH, STEPS = 8, 700  # pairs in a batch; steps
# Of 0.002, 0.004 and 0.008, the second was best after 60 steps (bits on validation lines); a long run has a bit less.
RATES = {"LoRA": 3e-3, "all weights": 2e-4}
TESTED, WINDOWS, WINDOW = 400, 6, 200  # test lines; windows of each other text; tokens of a window


@cache
def model() -> tuple[ModernGPT, BPETokenizer]:
    """SmolLM2 and its tokenizer, once; copy the model before you change it."""
    return load_smollm2()


@cache
def end_token() -> int:
    """The token that closes a message."""
    [token] = model()[1].encode("<|im_end|>", special=True)
    return token


def prompt(line: str) -> list[int]:
    """The tokens of a chat that asks for a line in modern spelling."""
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": line}]
    return chat_tokens(model()[1], messages)


@cache
def beginning() -> list[int]:
    """The tokens with which every such chat begins."""
    return common_beginning([prompt("a"), prompt("Zounds")])


def batch_of(pairs: Sequence[tuple[str, str]]) -> Branches:
    """Pairs of lines as chats in one row."""
    tokenizer = model()[1]
    tokens = [(prompt(old)[len(beginning()) :], tokenizer.encode(new)) for old, new in pairs]
    return branched(beginning(), tokens, end_token())


def tuned(system: str, steps: int = STEPS, seed: int = 0, rate: float | None = None) -> tuple[nn.Module, float]:
    """SmolLM2 after so many steps, in bfloat16 but for LoRA's adapters; and the minutes of processor time.

    No pair is seen twice. Matrices are multiplied in bfloat16 either way; all weights are trained in float32.
    """
    batches = training_batches(steps, seed)
    writer = load_smollm2()[0]
    if system == "LoRA":
        writer = writer.bfloat16()
        with own_randomness(seed):
            add_lora(writer, ADAPTERS)
    with one_core():
        start = time.process_time()
        tune(writer, batches, rate or RATES[system], seed, autocast=system != "LoRA")
        minutes = (time.process_time() - start) / 60
    return (writer if system == "LoRA" else writer.bfloat16()), minutes


def training_batches(steps: int, seed: int) -> list[Branches]:
    """Batches of pairs in an order that the seed draws."""
    drawn = torch.randperm(len(lines("train")), generator=Generator().manual_seed(seed))[: BATCH * steps]
    return [batch_of([lines("train")[place] for place in places.tolist()]) for places in drawn.split(BATCH)]


def tune(writer: nn.Module, batches: Sequence[Branches], learning_rate: float, seed: int, *, autocast: bool) -> None:
    """One step for each batch, in their order."""
    steps, waiting = len(batches), iter(batches)
    config = TrainingConfig(
        steps=steps, learning_rate=learning_rate, warmup_steps=steps // 10, evaluate_every=steps, seed=seed
    )
    execution = Execution(precision="bfloat16" if autocast else "float32")
    train_whole(writer, branches_loss, lambda generator: next(waiting), config, execution=execution)


def cost(system: str, steps: int = 3) -> tuple[int, float, float]:
    """Trained weights, the process's peak memory in MB while it tunes, and seconds of processor time per step."""
    batch, writer = training_batches(40, 0)[0], load_smollm2()[0]
    if system.startswith("LoRA"):
        writer = writer if "float32" in system else writer.bfloat16()
        add_lora(writer, ADAPTERS)
    elif system == "head":
        head_only(writer)
    trained = sum(weight.numel() for weight in writer.parameters() if weight.requires_grad)
    seconds = []
    forget_peak()
    with one_core():
        for _ in range(steps):
            start = time.process_time()
            tune(writer, [batch], 1e-5, 0, autocast=system != "LoRA")
            seconds.append(time.process_time() - start)
    return trained, peak(), min(seconds)


def forget_peak() -> None:
    """Begin to measure the peak anew, where the system can (Linux)."""
    if Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> float:
    """The most memory that the process has held, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1e3
    import resource  # which Windows lacks

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def exact(writer: nn.Module, split: str = "test", count: int = TESTED) -> tuple[list[int], list[float]]:
    """Of a split's lines, evenly spread, whether greedy decoding writes each; and -ln p of it with its end."""
    right, nats = [], []
    pairs = lines(split, count)
    for start in range(0, count, 16):
        some, hits = scored(writer, batch_of(pairs[start : start + 16]))
        nats += some
        right += [int(hit) for hit in hits]
    return right, nats


@cache
def other_texts() -> dict[str, Callable[[], str]]:
    """Texts that nothing here is tuned on: near ones, and ones far away."""
    return {
        "modern plays": lambda: data.shakespeare("validation"),
        "Wikipedia": lambda: "\n\n".join(data.wikipedia().values()),
        "programs": lambda: "\n\n".join(one.prompt + one.solution for one in data.programming_problems()),
    }


def text_bits(writer: nn.Module, name: str) -> list[float]:
    """Bits per character of windows that are evenly spread over a text."""
    tokenizer, text = model()[1], other_texts()[name]()
    found = []
    for number in range(WINDOWS):
        start = number * (len(text) // WINDOWS)
        tokens = tokenizer.encode(text[start : start + 8 * WINDOW])[:WINDOW]
        window = torch.tensor([tokens])
        with evaluating(writer), torch.no_grad():
            logits = writer(window[:, :-1]).float()
        nats = nn.functional.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten(), reduction="sum")
        found.append(round(nats.item() / 0.6931471805599453 / len(tokenizer.decode(tokens[1:])), 4))
    return found


if __name__ == "__main__":
    print(*cost(sys.argv[1]))
