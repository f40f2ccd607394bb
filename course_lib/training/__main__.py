"""`python -m course_lib.training --out FOLDER` trains a GPT; the same under torchrun in many processes.

The folder gets run.safetensors (the checkpoint: the same command goes on from it), log.jsonl (a line a step) and
weights.safetensors (the best, with the model's config), and what was made of Shakespeare: token files, tokenizer.json.
"""

import argparse
import json
import sys
import types
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, asdict, fields
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib import data, gpt, runtime
from course_lib.files import written_whole
from course_lib.tokenizers import BPETokenizer, CharTokenizer
from course_lib.training import (
    Execution,
    RunLog,
    TokenFile,
    TrainingConfig,
    adamw,
    flops_per_token,
    muon,
    processes,
    random_windows,
    save_weights,
    train,
    windows,
    write_tokens,
)
from course_lib.training.checkpoints import weights

OPTIMISERS: dict[str, Any] = {"adamw": partial(adamw, fused=True), "muon": muon}
TOKENIZERS = {"characters": CharTokenizer, "bpe": BPETokenizer}
DEFAULTS = {"steps": 1000, "learning_rate": 1e-3}
MODELS = {field.name: field for config in (gpt.GPTConfig, gpt.ModernGPTConfig) for field in fields(config)}
MACHINE = ("device", "peak_flops", *(field.name for field in fields(Execution)))  # what may change when a run goes on
HELP = {
    "steps": "updates of the weights",
    "learning_rate": "the highest, reached after the warmup",
    "warmup_steps": "steps over which the learning rate rises",
    "schedule": "cosine, constant or trapezoid",
    "decay_steps": "last steps, over which a trapezoid falls",
    "weight_decay": "of the matrices, decoupled",
    "beta2": "of AdamW",
    "clip_norm": "largest norm of the gradient; inf clips nothing",
    "evaluate_every": "steps between two evaluations and checkpoints",
    "seed": "of the first weights, the batches and dropout",
    "precision": "float32 or bfloat16",
    "accumulate": "parts into which a process cuts its rows of a batch",
    "compile": "use torch.compile",
    "parallel": "many processes replicate the model (DDP) or shard it (FSDP2)",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, 1 where the run failed, 2 for a wrong flag, 130 where it was stopped."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        config, execution = (kind(**_chosen(options, kind)) for kind in (TrainingConfig, Execution))
        _demand(options.device in (None, *_devices()), f"device must be {' or '.join(_devices())} here", options.device)
        _demand(options.batch_size >= 1, "batch_size must be at least 1", options.batch_size)
        _demand(options.held_out_tokens >= 1, "held_out_tokens must be at least 1", options.held_out_tokens)
        _demand(options.peak_flops is None or options.peak_flops > 0, "peak_flops must be above 0", options.peak_flops)
        _config(options, vocab_size=1)
    except ValueError as error:
        parser.error(str(error))
    try:
        with processes.joined(torch.device(options.device) if options.device else runtime.device()) as device:
            return _run(options, config, execution, device)
    except (ValueError, OSError, FloatingPointError, data.DataError, torch.OutOfMemoryError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m course_lib.training",
        description="Train a GPT. The same command, given again, goes on from its last checkpoint.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--out", required=True, type=Path, metavar="FOLDER", help="where checkpoint, log and weights are written")
    texts = "Shakespeare by 'characters' (the default) or by 'bpe', or a token file (training.write_tokens)"
    add("--data", default="characters", metavar="TEXT", help=texts)
    add("--held-out", type=Path, metavar="FILE", help="a token file to evaluate on; Shakespeare brings its own")
    add("--held-out-tokens", type=int, default=100_000, metavar="N", help="of its tokens, so many (%(default)s)")
    add("--preset", default="tiny", metavar="NAME", help=f"the model: {', '.join(gpt.PRESETS)} (%(default)s)")
    add(
        "--batch-size",
        type=int,
        default=32,
        metavar="N",
        help="windows a step, of all processes together (%(default)s)",
    )
    add("--optimiser", choices=OPTIMISERS, default="adamw", help="(%(default)s)")
    add("--device", help="cpu, cuda or mps (the best there is)")
    add("--peak-flops", type=float, metavar="N", help="operations a second of one device, for the log's mfu: 989e12")
    for title, kind in {"training": TrainingConfig, "machine": Execution}.items():
        group = parser.add_argument_group(title)
        for field in fields(kind):
            _add(group, field, DEFAULTS.get(field.name, field.default), HELP[field.name] + " (%(default)s)")
    group = parser.add_argument_group("model", "in place of what the preset says")
    for field in MODELS.values():
        _add(group, field, MISSING, "the text's, and 1000 for 'bpe'" if field.name == "vocab_size" else None)
    return parser


def _devices() -> list[str]:
    found = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [name for name, here in found.items() if here]


def _add(group: Any, field: Field, default: Any, text: str | None) -> None:
    kind = float if isinstance(field.type, types.UnionType) else field.type
    how = {"action": argparse.BooleanOptionalAction} if kind is bool else {"type": kind, "metavar": "X"}
    group.add_argument(
        f"--{field.name.replace('_', '-')}", default=None if default is MISSING else default, help=text, **how
    )


def _chosen(options: argparse.Namespace, kind: type) -> dict[str, Any]:
    return {field.name: getattr(options, field.name) for field in fields(kind)}


def _demand(holds: bool, expected: str, came: object) -> None:
    if not holds:
        raise ValueError(f"{expected}, but it is {came!r}")


def _run(options: argparse.Namespace, config: TrainingConfig, execution: Execution, device: torch.device) -> int:
    if processes.rank() == 0:
        _demand_same_run(options)
        if options.data in TOKENIZERS:
            _write_shakespeare(options)
    processes.wait()  # for the files
    tokens, held_out = _texts(options)
    torch.manual_seed(options.seed)
    model = gpt.build(_config(options, tokens.vocab_size))
    length = model.config.context_length
    log = RunLog(
        options.out / "log.jsonl",
        config,
        tokens_per_step=options.batch_size * length,
        flops_per_token=flops_per_token(model, length),
        peak_flops=options.peak_flops and options.peak_flops * processes.count(),
    )
    draw = random_windows(tokens, batch_size=options.batch_size, context_length=length)
    history = train(
        model.to(device),
        _loss,
        lambda generator: tuple(part.to(device) for part in draw(generator)),
        config,
        evaluate=held_out and _evaluation(held_out, options, length, device),
        optimiser=OPTIMISERS[options.optimiser],
        checkpoint=options.out / "run.safetensors",
        log=log,
        execution=execution,
    )
    best = history.best_weights if history.evaluations else weights(model)
    _write_weights(options.out / "weights.safetensors", best, model.config)
    return 130 if history.stopped else 0


def _demand_same_run(options: argparse.Namespace) -> None:
    """The choices that make a run, written beside its checkpoint, or compared with those that are there."""
    chosen = {name: str(value) for name, value in vars(options).items() if name not in (*MACHINE, "out")}
    file = options.out / "run.json"
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else chosen
    if differences := [
        f"{name} {chosen[name]} and {before.get(name)}" for name in chosen if chosen[name] != before.get(name)
    ]:
        raise ValueError(
            f"{options.out} holds another run; here and there: {', '.join(differences)}. Name another --out"
        )
    with written_whole(file) as stream:
        stream.write(json.dumps(chosen, indent=1).encode() + b"\n")


def _write_shakespeare(options: argparse.Namespace) -> None:
    """The training and the validation plays as token files, and their tokenizer, if they are not there."""
    if (options.out / "held_out.tokens").exists():
        return
    text, kind = data.shakespeare("train"), TOKENIZERS[options.data]
    tokenizer = kind.train(text, options.vocab_size or 1000) if kind is BPETokenizer else kind.train(text)
    tokenizer.save(options.out / "tokenizer.json")
    for name, part in {"train": text, "held_out": data.shakespeare("validation")}.items():
        write_tokens(options.out / f"{name}.tokens", [tokenizer.encode(part)], tokenizer.vocab_size)


def _texts(options: argparse.Namespace) -> tuple[TokenFile, TokenFile | None]:
    if options.data in TOKENIZERS:
        return TokenFile(options.out / "train.tokens"), TokenFile(options.out / "held_out.tokens")
    return TokenFile(options.data), TokenFile(options.held_out) if options.held_out else None


def _config(options: argparse.Namespace, vocab_size: int) -> Any:
    """The preset with its changes; where no vocab_size is chosen, the text's."""
    changes = {name: value for name in MODELS if (value := getattr(options, name)) is not None}
    known = {field.name for field in fields(gpt.preset(options.preset))}
    if unknown := changes.keys() - known:
        raise ValueError(f"the preset {options.preset!r} has no {', '.join(sorted(unknown))}")
    if options.data in TOKENIZERS:
        changes.pop("vocab_size", None)  # chosen for the tokenizer, which may have found fewer
    config = gpt.preset(options.preset, **{"vocab_size": vocab_size} | changes)
    if vocab_size > config.vocab_size:
        message = f"{options.data} has ids up to {vocab_size - 1}, but the model's vocab_size is {config.vocab_size}"
        raise ValueError(message)
    return config


def _loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    inputs, targets = batch
    return F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())


def _evaluation(
    tokens: TokenFile, options: argparse.Namespace, length: int, device: torch.device
) -> Callable[[nn.Module], float]:
    """The mean loss over the held-out text's first windows; each process takes as many of them."""
    cut = [part.to(device) for part in windows(tokens[: options.held_out_tokens + 1], length)]
    whole = len(cut[0]) // processes.count() * processes.count()
    _demand(whole > 0, f"the held-out text must have a window for each of {processes.count()} processes", len(cut[0]))
    mine = [part[processes.rank() : whole : processes.count()] for part in cut]
    rows = max(options.batch_size // processes.count() // options.accumulate, 1)

    def evaluate(model: nn.Module) -> float:
        parts = zip(*(part.split(rows) for part in mine), strict=True)
        return sum(float(_loss(model, part)) * len(part[0]) for part in parts) / len(mine[0])

    return evaluate


def _write_weights(path: Path, best: dict[str, Tensor], config: Any) -> None:
    """The best weights in a file that says which model they are of."""
    if processes.rank() == 0:
        model = gpt.build(config)
        model.load_state_dict(best)
        save_weights(path, model, {"model": type(model).__name__, "config": asdict(config)})


if __name__ == "__main__":
    sys.exit(main())
