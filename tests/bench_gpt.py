"""GPT beside Transformers' GPT-2: a step of training, on the CPU and on a GPU, and a race over equal time."""

import math
import statistics
import time
from collections.abc import Callable, Iterator

import torch
import transformers
from helpers import duration
from torch import Tensor, nn

from course_lib import data, files
from course_lib.gpt import GPT, GPTConfig, preset
from course_lib.losses import next_token_loss
from course_lib.tokenizers import CharTokenizer
from course_lib.training import (
    Execution,
    TrainingConfig,
    adamw,
    flops_per_token,
    random_windows,
)
from course_lib.training.loop import backward_pass
from experiments.speed_run import GPTOfParts, held_out_losses
from experiments.tables.gpu_run import PEAK_FLOPS
from experiments.tables.speed_run import standing


def peer_gpt2(config: GPTConfig) -> transformers.GPT2LMHeadModel:
    """Transformers' GPT-2 of these sizes, without dropout, with weights of its own."""
    sizes = {"n_layer": config.n_layers, "n_head": config.n_heads, "n_embd": config.d_model}
    sizes |= {"n_positions": config.context_length, "vocab_size": config.vocab_size}
    off = {"embd_pdrop": 0, "attn_pdrop": 0, "resid_pdrop": 0, "use_cache": False}
    ids = {"bos_token_id": None, "eos_token_id": None}
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, **off, **ids)).train()


class _Logits(nn.Module):
    """The peer as ours: it gives logits and nothing else."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.model, self.config = peer_gpt2(config), config

    def forward(self, tokens: Tensor) -> Tensor:
        return self.model(tokens).logits


def _training_step(
    model: nn.Module, config: GPTConfig, rows: int, execution: Execution, device: str
) -> Callable[[], None]:
    model = model.to(device).train()
    backward = backward_pass(model, next_token_loss, execution)
    optimiser = adamw(model, TrainingConfig(steps=1, learning_rate=1e-3), fused=True)
    tokens = torch.randint(
        config.vocab_size, (rows, config.context_length + 1), generator=torch.Generator().manual_seed(0)
    ).to(device)
    batch = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()

    def step() -> None:
        optimiser.zero_grad()
        backward(batch)
        optimiser.step()
        if device == "cuda":
            torch.cuda.synchronize()

    return step


def _pair(config: GPTConfig, rows: int, execution: Execution, device: str) -> tuple[Callable, Callable]:
    models = GPT(config), _Logits(config)
    return tuple(_training_step(model, config, rows, execution, device) for model in models)


def gpt_step() -> Iterator[tuple[str, Callable, Callable]]:
    """Training on the CPU, 4 steps or 1, the same in all else; the peer is Transformers' GPT2LMHeadModel."""
    for n_layers, n_heads, d_model, length, rows in ((4, 4, 128, 64, 12), (6, 6, 384, 256, 16)):
        config = GPTConfig(vocab_size=97, context_length=length, d_model=d_model, n_layers=n_layers, n_heads=n_heads)
        pair = _pair(config, rows, Execution(), "cpu")
        yield f"{n_layers} x {d_model}, {rows} x {length} tokens", *(_repeated(step, 512 // d_model) for step in pair)


def _repeated(step: Callable[[], None], times: int) -> Callable[[], None]:
    def steps() -> None:
        for _ in range(times):
            step()

    return steps


def gpt2_step_gpu() -> Iterator[tuple[str, Callable, Callable]]:
    """The preset of 124M weights on a GPU in bfloat16, compiled; the peer is Transformers' GPT2LMHeadModel.

    A batch has half a million tokens, as GPT-3's of this size had (Brown et al., 2020, table 2.1), in 8 parts.
    """
    if not torch.cuda.is_available():
        print("gpt2_step_gpu: there is no CUDA here, so it is left out")
        return
    config, rows = preset("gpt2", vocab_size=50_304), 512
    ours, theirs = _pair(config, rows, Execution(precision="bfloat16", compile=True, accumulate=8), "cuda")
    ours()
    step = statistics.median(duration(ours) for _ in range(5))
    tokens = rows * config.context_length / step
    peak = PEAK_FLOPS["H100"]
    used = tokens * flops_per_token(GPT(config), config.context_length) / peak
    print(f"gpt2_step_gpu: {tokens:,.0f} tokens a second, {used:.1%} of an H100's {peak / 1e12:.0f} TFLOP/s")
    yield f"gpt2, {rows} x {config.context_length} tokens", ours, theirs


def gpt_race() -> None:
    """What the stored speed run kept beside nanoGPT's published recipe for a CPU, for the same wall time.

    The recipe: AdamW, 0.001 falling to 0.0001 by a cosine after 100 steps of warmup, beta2 0.99, weight decay 0.1,
    batches of 12 windows of 64 characters, 4 layers of 128, no dropout, 2,000 steps, here of Transformers' GPT-2. Ours
    stops when as many seconds are over. The losses are those of the first 50,000 characters of the test plays; all
    was chosen on the validation plays. One change is left out, the short windows: those of 64 won here (1.60 against
    1.63 nats), as this race is longer than the speed run's.
    """
    kept = [row["change"] for row in files.load_results("speed_run")["rows"] if row["kept"]]
    kept = [change for change in kept if change != "context 32"]
    entry, vocab_size = standing(kept), len(set(data.shakespeare("train")))
    torch.manual_seed(0)
    recipe, ours = _Logits(GPTConfig(vocab_size=vocab_size)), GPTOfParts(entry.parts, vocab_size)
    cosine = lambda done: 1e-3 * (0.55 + 0.45 * math.cos(math.pi * max(0, done - 0.05) / 0.95))  # noqa: E731
    straight = lambda done: entry.learning_rate * (1 - done)  # noqa: E731
    steps, seconds = _train(recipe, 12, cosine, steps=2_000)
    our_steps, our_seconds = _train(ours, entry.batch_size, straight, seconds=seconds)
    losses = [held_out_losses(model.eval(), "test").mean() for model in (recipe, ours)]
    print(f"gpt_race, the recipe: {steps:,} steps in {seconds:.0f} s, held-out loss {losses[0]:.3f} nats")
    print(f"gpt_race, ours: {our_steps:,} steps in {our_seconds:.0f} s, held-out loss {losses[1]:.3f} nats")
    print(f"gpt_race, lower by {losses[0] - losses[1]:.3f} nats, with {', '.join(kept)}")


def _train(
    model: nn.Module,
    batch_size: int,
    rate: Callable[[float], float],
    steps: int | None = None,
    seconds: float | None = None,
) -> tuple[int, float]:
    """So many steps, or as many as so many seconds allow; `rate` is the learning rate when a share of it is done."""
    characters = CharTokenizer.train(data.shakespeare("train"))
    text = torch.tensor(characters.encode(data.shakespeare("train")))
    draw = random_windows(text, batch_size=batch_size, context_length=model.config.context_length)
    optimiser = adamw(model, TrainingConfig(steps=1, learning_rate=1, weight_decay=0.1, beta2=0.99), fused=True)
    generator, start, taken = torch.Generator().manual_seed(0), time.perf_counter(), 0
    while (done := taken / steps if steps else (time.perf_counter() - start) / seconds) < 1:
        for group in optimiser.param_groups:
            group["lr"] = rate(done) * min(1, done / 0.05 + 1e-3)
        optimiser.zero_grad()
        next_token_loss(model, draw(generator)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        taken += 1
    return taken, time.perf_counter() - start
