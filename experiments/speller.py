"""SmolLM2 taught to write the lines of 1623 in modern spelling, in the form of its chats."""

import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Generator, Tensor, nn

from course_lib import data
from course_lib.gpt import ModernGPT
from course_lib.lora import LoRAConfig, add_lora
from course_lib.pretrained import chat_tokens, load_smollm2
from course_lib.runtime import evaluating
from course_lib.tokenizers import BPETokenizer
from course_lib.training import Execution, TrainingConfig
from course_lib.tuning import answer_loss, answer_rows
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
    "test_rows",
    "text_bits",
    "tune",
    "tuned",
]

SYSTEM = "Modern spelling."
ADAPTERS = LoRAConfig(rank=4, alpha=8, targets=["blocks"])
BATCH, STEPS, LONGEST = 8, 800, 47  # pairs in a batch; steps; tokens of prompt, answer and end at most
RATES = {"LoRA": 1e-3, "all weights": 2e-4}  # one guess each: nothing was searched
TESTED, WINDOWS, WINDOW = 400, 6, 200  # test lines; windows of each other text; tokens of a window

Rows = tuple[Tensor, Tensor]


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


def rows(pairs: Sequence[tuple[str, str]], longest: int = LONGEST) -> list[Rows]:
    """The pairs that are not too long, sorted by length and cut into batches: so there is hardly any padding."""
    tokenizer = model()[1]
    tokens = [(prompt(old), tokenizer.encode(new)) for old, new in pairs]
    short = [pair for pair in tokens if len(pair[0]) + len(pair[1]) < longest]
    short.sort(key=lambda pair: len(pair[0]) + len(pair[1]))
    cut = [short[start : start + BATCH] for start in range(0, len(short) - BATCH + 1, BATCH)]
    return [answer_rows(some, end_token=end_token(), context_length=longest) for some in cut]


def tuned(system: str, steps: int = STEPS, seed: int = 0) -> tuple[nn.Module, float]:
    """SmolLM2 after so many steps, in bfloat16 but for LoRA's adapters; and the minutes of processor time.

    No pair is seen twice. Matrices are multiplied in bfloat16 either way; all weights are trained in float32.
    """
    batches = training_batches(steps, seed)
    writer = load_smollm2()[0]
    if system == "LoRA":
        writer = writer.bfloat16()
        add_lora(writer, ADAPTERS)
    with one_core():
        start = time.process_time()
        tune(writer, batches, RATES[system], seed, autocast=system != "LoRA")
        minutes = (time.process_time() - start) / 60
    return (writer if system == "LoRA" else writer.bfloat16()), minutes


def training_batches(steps: int, seed: int) -> list[Rows]:
    """Batches of pairs that a seed draws, in a random order; at least as many as steps."""
    drawn = torch.randperm(len(lines("train")), generator=Generator().manual_seed(seed)).tolist()
    batches = rows([lines("train")[place] for place in drawn[: 11 * BATCH * steps // 10]])
    order = torch.randperm(len(batches), generator=Generator().manual_seed(seed)).tolist()
    return [batches[place] for place in order[:steps]]


def tune(writer: nn.Module, batches: Sequence[Rows], learning_rate: float, seed: int, *, autocast: bool) -> None:
    """One step for each batch, in their order."""
    steps, waiting = len(batches), iter(batches)
    config = TrainingConfig(
        steps=steps, learning_rate=learning_rate, warmup_steps=steps // 10, evaluate_every=steps, seed=seed
    )
    execution = Execution(precision="bfloat16" if autocast else "float32")
    train_whole(writer, answer_loss, lambda generator: next(waiting), config, execution=execution)


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


@cache
def test_rows() -> list[tuple[int, Rows]]:
    """Test lines, evenly spread over the three plays, sorted by length; each batch with its number of rows."""
    tokenizer = model()[1]
    tokens = [(prompt(old), tokenizer.encode(new)) for old, new in lines("test", TESTED)]
    order = sorted(range(TESTED), key=lambda place: len(tokens[place][0]) + len(tokens[place][1]))
    cut = [order[start : start + 25] for start in range(0, TESTED, 25)]
    longest = max(len(old) + len(new) for old, new in tokens)
    return [
        (some, answer_rows([tokens[i] for i in some], end_token=end_token(), context_length=longest)) for some in cut
    ]


def exact(writer: nn.Module) -> tuple[list[int], list[float]]:
    """Of each test line, whether greedy decoding writes it and ends; and -ln p of it with its end.

    Greedy decoding writes the line exactly where each of its tokens is the most probable one after those before it: one
    pass over the line tells.
    """
    right, nats = [0] * TESTED, [0.0] * TESTED
    with evaluating(writer), torch.no_grad():
        for places, (tokens, answers) in test_rows():
            logits = writer(tokens[:, :-1]).float()
            wanted, counted = tokens[:, 1:], answers[:, 1:]
            hits = (logits.argmax(dim=-1) == wanted) | ~counted
            losses = nn.functional.cross_entropy(logits.transpose(1, 2), wanted, reduction="none") * counted
            for place, hit, loss in zip(places, hits.all(dim=1).tolist(), losses.sum(dim=1).tolist(), strict=True):
                right[place], nats[place] = int(hit), loss
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
