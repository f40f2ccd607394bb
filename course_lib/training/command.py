"""What the training command does: a text, a model and a run from its options, in a folder.

The folder gets run.json (the choices that make the run), run.safetensors (the checkpoint: the same command goes on from
it), log.jsonl (a line per step) and model.safetensors (the model with the best weights so far, and its tokenizer).
"""

import argparse
import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from json import JSONDecodeError
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from course_lib import data, gpt
from course_lib.files import existing_file, written_whole
from course_lib.losses import next_token_loss, token_losses
from course_lib.model_files import TOKENIZERS, save_model
from course_lib.runtime import own_randomness
from course_lib.tokenizers import BPETokenizer, CharTokenizer, Tokenizer
from course_lib.training.batches import TokenFile, random_windows, windows
from course_lib.training.checkpoints import copied_weights
from course_lib.training.config import Execution, TrainingConfig
from course_lib.training.deferred import build_sharded
from course_lib.training.distributed import rank, world_size
from course_lib.training.history import History, RunLog, flops_per_token
from course_lib.training.loop import train
from course_lib.training.optimisers import adamw, muon
from course_lib.validation import require, require_one_of

__all__ = ["MODEL_FIELDS", "MODEL_FILE", "OPTIMISERS", "model_config", "run"]

MODEL_FILE = "model.safetensors"
OPTIMISERS: dict[str, Any] = {"adamw": partial(adamw, fused=True), "muon": muon}
SHAKESPEARE = {"characters": CharTokenizer, "bpe": BPETokenizer}
MODEL_FIELDS = {field.name: field for config in (gpt.GPTConfig, gpt.ModernGPTConfig) for field in fields(config)}
MACHINE = ("out", "device", "peak_flops", *(field.name for field in fields(Execution)))  # may change as a run goes on
FILES = ("data", "held_out", "tokenizer")  # whose contents count, not where they lie


class Texts(NamedTuple):
    """What a model learns from and is evaluated on, as ids, and what made ids of text."""

    train: Tensor | TokenFile
    held_out: Tensor | TokenFile | None
    vocab_size: int
    tokenizer: Tokenizer | None


def run(options: argparse.Namespace, config: TrainingConfig, execution: Execution, device: torch.device) -> int:
    """Train the model that the options describe; returns the exit code, 130 where the run was stopped."""
    texts = _texts(options)
    model = _model(options, texts.vocab_size, execution, device)
    length = model.config.context_length
    draw = random_windows(texts.train, batch_size=options.batch_size, context_length=length)
    evaluate = None if texts.held_out is None else _evaluation(texts.held_out, options, length, device)
    if rank() == 0:
        _require_same_run(options)  # last, so that a folder does not remember flags that failed
    history = train(
        model,
        next_token_loss,
        lambda generator: tuple(part.to(device) for part in draw(generator)),
        config,
        evaluate=evaluate,
        make_optimiser=OPTIMISERS[options.optimiser],
        checkpoint=options.out / "run.safetensors",
        log=_log(options, config, model, texts.tokenizer),
        execution=execution,
    )
    best = history.best_weights if history.evaluations else copied_weights(model)
    _write_model(options, model.config, best, texts.tokenizer, history)
    return 130 if history.stopped else 0


def model_config(options: argparse.Namespace, vocab_size: int) -> Any:
    """The preset with its changes; where no vocab_size is chosen, the text's."""
    changes = {name: value for name in MODEL_FIELDS if (value := getattr(options, name)) is not None}
    known = {field.name for field in fields(gpt.preset(options.preset))}
    if unknown := changes.keys() - known:
        raise ValueError(f"the preset {options.preset!r} has no {', '.join(sorted(unknown))}")
    if options.data in SHAKESPEARE:
        changes.pop("vocab_size", None)  # chosen for the tokenizer, which may have found fewer
    config = gpt.preset(options.preset, **{"vocab_size": vocab_size} | changes)
    if vocab_size > config.vocab_size:
        message = f"the text has ids up to {vocab_size - 1}, but the model's vocab_size is {config.vocab_size}"
        raise ValueError(message)
    return config


def _require_same_run(options: argparse.Namespace) -> None:
    """The choices that make a run, written beside its checkpoint, or compared with those that are there.

    The steps are the checkpoint's affair: they may become more.
    """
    chosen = {name: str(value) for name, value in vars(options).items() if name not in (*MACHINE, "steps")}
    chosen |= {name: _contents(path) for name in FILES if (path := Path(str(getattr(options, name)))).is_file()}
    for left in filter(Path.is_file, options.out.glob(".*.partial")):  # by a process that was killed as it wrote
        left.unlink()
    file = options.out / "run.json"
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else chosen
    different = [f"{name} {mine} and {before.get(name)}" for name, mine in chosen.items() if mine != before.get(name)]
    if different:
        raise ValueError(f"{options.out} holds another run; here and there: {', '.join(different)}. Name another --out")
    with written_whole(file) as stream:
        stream.write(json.dumps(chosen, indent=1).encode() + b"\n")


def _contents(path: Path) -> str:
    """What a file is known by, however large: its size and a checksum of its first and last million bytes."""
    with path.open("rb") as file:
        size, million = path.stat().st_size, 1_000_000
        checksum = hashlib.sha256(file.read(million))
        file.seek(max(size - million, 0))
        checksum.update(file.read())
    return f"a file of {size:,} bytes with checksum {checksum.hexdigest()[:8]}"


def _texts(options: argparse.Namespace) -> Texts:
    """Shakespeare's training and validation plays, or token files."""
    if options.data in SHAKESPEARE:
        own = f"held_out and tokenizer are for a token file, and --data {options.data} brings its own: leave them out"
        require(options.held_out is None and options.tokenizer is None, own, options.held_out or options.tokenizer)
        text, kind = data.shakespeare("train"), SHAKESPEARE[options.data]
        tokenizer = kind.train(text, options.vocab_size or 1000) if kind is BPETokenizer else kind.train(text)
        held_out = torch.tensor(tokenizer.encode(data.shakespeare("validation")))
        return Texts(torch.tensor(tokenizer.encode(text)), held_out, tokenizer.vocab_size, tokenizer)
    train, held_out = TokenFile(options.data), TokenFile(options.held_out) if options.held_out else None
    tokenizer = _tokenizer(options.tokenizer) if options.tokenizer else None
    for path, other in (options.held_out, held_out), (options.tokenizer, tokenizer):
        if other is not None:
            expected = f"the vocab_size of {path} must be that of {options.data}, {train.vocab_size}"
            require(other.vocab_size == train.vocab_size, expected, other.vocab_size)
    return Texts(train, held_out, train.vocab_size, tokenizer)


def _tokenizer(path: Path) -> Tokenizer:
    """What a tokenizer's `save` wrote, of whatever kind."""
    try:
        kind = json.loads(existing_file(path, "tokenizer").read_text(encoding="utf-8"))["kind"]
    except (JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
        raise ValueError(f"{path} is no tokenizer: expected what its save writes") from None
    require_one_of(f"the kind of {path}", TOKENIZERS, kind)
    return TOKENIZERS[kind].load(path)


def _model(options: argparse.Namespace, vocab_size: int, execution: Execution, device: torch.device) -> nn.Module:
    config = model_config(options, vocab_size)
    with own_randomness(options.seed):
        if execution.parallel == "shard" and world_size() > 1:
            return build_sharded(lambda: gpt.build(config), device)
        return gpt.build(config).to(device)


def _evaluation(
    tokens: Tensor | TokenFile, options: argparse.Namespace, length: int, device: torch.device
) -> Callable[[nn.Module], float]:
    """The mean loss over the held-out text's first windows, the same whatever the number of processes.

    Each computes equally many, as sharded ones wait for each other: the last ones some that are not theirs, and do not
    count.
    """
    inputs, targets = windows(tokens[: options.held_out_tokens + 1].to(device), length)
    mine = torch.arange(rank(), math.ceil(len(inputs) / world_size()) * world_size(), world_size())
    counts, mine = (mine < len(inputs)).to(device), mine % len(inputs)
    rows = max(options.batch_size // world_size() // options.accumulate, 1)

    def evaluate(model: nn.Module) -> float:
        losses = token_losses(model, inputs[mine], targets[mine], rows)[counts]
        return losses.double().sum().item() * world_size() / targets.numel()  # `train` takes the mean over processes

    return evaluate


def _log(
    options: argparse.Namespace, config: TrainingConfig, model: nn.Module, tokenizer: Tokenizer | None
) -> Callable[[History], None]:
    """After each step a line; and the model, where its held-out loss is the lowest so far."""
    length = model.config.context_length
    write_line = RunLog(
        options.out / "log.jsonl",
        config,
        tokens_per_step=options.batch_size * length,
        flops_per_token=flops_per_token(model, length),
        peak_flops=options.peak_flops * world_size() if options.peak_flops else None,
    )

    def log(history: History) -> None:
        write_line(history)
        if history.evaluations and history.best_step == len(history.losses):
            _write_model(options, model.config, history.best_weights, tokenizer, history)

    return log


def _write_model(
    options: argparse.Namespace, config: Any, weights: dict[str, Tensor], tokenizer: Tokenizer | None, history: History
) -> None:
    """The one file that `sample` reads, and what it says of the run; all processes that have a shard take part."""
    with torch.device("meta"):
        model = gpt.build(config)
    done = len(history.losses)
    about = {"trained on": options.data, "step": done, "steps": options.steps, "finished": done == options.steps}
    if history.evaluations:
        about |= {"step": history.best_step, "held-out loss": history.best_loss}
    save_model(options.out / MODEL_FILE, model, tokenizer, about, weights=weights)
