"""`python -m course_lib.training --out FOLDER` trains a GPT; the same under torchrun in many processes.

`python -m course_lib.training sample --out FOLDER` writes text with what was trained. `command` says what is in the
folder.
"""

import argparse
import math
import os
import sys
import types
from collections.abc import Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import torch

from course_lib import data, gpt, runtime
from course_lib.console import replace_unprintable, say
from course_lib.generation import GenerationConfig
from course_lib.training import Execution, TrainingConfig, command, sampling
from course_lib.training.compiling import what_compiling_lacks
from course_lib.training.distributed import process_group
from course_lib.validation import require, require_integer, require_number

DEFAULTS = {"steps": 1000, "learning_rate": 1e-3}
HELP = {
    "steps": "updates of the weights; a run goes on to more, on the schedule of that length",
    "learning_rate": "the highest, reached after the warmup",
    "warmup_steps": "steps over which the learning rate rises",
    "schedule": "cosine, constant or trapezoid",
    "decay_steps": "last steps, over which a trapezoid falls",
    "weight_decay": "of the matrices, decoupled",
    "beta2": "of AdamW",
    "clip_norm": "largest norm of the gradient; inf clips nothing",
    "evaluate_every": "steps between two evaluations and checkpoints",
    "seed": "of the initial weights, the batches and dropout",
    "precision": "float32 or bfloat16",
    "accumulate": "parts into which a process cuts its rows of a batch",
    "compile": "use torch.compile, which needs a C++ compiler; 'auto': where there is one",
    "parallel": "many processes replicate the model (DDP) or shard it (FSDP2)",
}
EXPECTED = (ValueError, OSError, FloatingPointError, data.DataError, torch.OutOfMemoryError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, 1 where it failed, 2 for a wrong flag, 130 where it was stopped."""
    replace_unprintable()
    words = list(sys.argv[1:] if arguments is None else arguments)
    commands = {"train": _train, "sample": _sample}
    chosen = words.pop(0) if words and words[0] in commands else "train"
    try:
        return commands[chosen](words)
    except EXPECTED as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _train(words: list[str]) -> int:
    parser = _train_parser()
    options = parser.parse_args(words)
    try:
        device = _device(options)
        if options.compile == "auto":
            options.compile = _can_compile(device)
        config, execution = _made(TrainingConfig, options), _made(Execution, options)
        require(not options.out.is_file(), "out must be a folder", str(options.out))
        require_integer("batch_size", options.batch_size, at_least=1)
        require_integer("held_out_tokens", options.held_out_tokens, at_least=1)
        if options.peak_flops is not None:
            require_number("peak_flops", options.peak_flops, above=0, below=math.inf)
        command.model_config(options, vocab_size=1)
    except ValueError as error:
        parser.error(str(error))
    with process_group(device) as device:
        return command.run(options, config, execution, device)


def _can_compile(device: torch.device) -> bool:
    if lacks := what_compiling_lacks(device):
        say(f"{lacks}; this run goes without", file=sys.stderr)
    return not lacks


def _sample(words: list[str]) -> int:
    parser = _sample_parser()
    options = parser.parse_args(words)
    try:
        config, device = _made(GenerationConfig, options), _device(options)
        require_integer("seed", options.seed, at_least=0, at_most=2**63 - 1)
    except ValueError as error:
        parser.error(str(error))
    try:
        sampling.sample(options.out, options.prompt, config, seed=options.seed, device=device)
    except BrokenPipeError:  # whoever reads has seen enough; what is still to be flushed goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _made(kind: type, options: argparse.Namespace) -> Any:
    """A config from the options that have the names of its fields."""
    return kind(**{field.name: getattr(options, field.name) for field in fields(kind) if field.name in options})


def _device(options: argparse.Namespace) -> torch.device:
    if options.device is None:
        return runtime.device()
    found = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    here = [name for name, available in found.items() if available]
    require(options.device in here, f"device must be {' or '.join(here)} here", options.device)
    return torch.device(options.device)


def _train_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m course_lib.training",
        description="Train a GPT. The same command, given again, goes on from its last checkpoint.",
        epilog="python -m course_lib.training sample --help: write text with what was trained.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--out", required=True, type=Path, metavar="FOLDER", help="where checkpoint, log and model are written")
    texts = "Shakespeare by 'characters' (the default) or by 'bpe', or a token file (training.write_tokens)"
    add("--data", default="characters", metavar="TEXT", help=texts)
    add("--held-out", type=Path, metavar="FILE", help="a token file to evaluate on; Shakespeare brings its own")
    add("--held-out-tokens", type=int, default=100_000, metavar="N", help="of its tokens, so many (%(default)s)")
    kept = "what the token files were written with (tokenizer.save), to be kept with the model"
    add("--tokenizer", type=Path, metavar="FILE", help=kept)
    add("--preset", default="tiny", metavar="NAME", help=f"the model: {', '.join(gpt.PRESETS)} (%(default)s)")
    windows = "windows per step, of all processes together (%(default)s)"
    add("--batch-size", type=int, default=32, metavar="N", help=windows)
    add("--optimiser", choices=command.OPTIMISERS, default="adamw", help="(%(default)s)")
    add("--device", help="cpu, cuda or mps (the best there is)")
    add("--peak-flops", type=float, metavar="N", help="operations per second of one device, for the log's mfu: 989e12")
    for title, kind in {"training": TrainingConfig, "machine": Execution}.items():
        group = parser.add_argument_group(title)
        for field in fields(kind):
            _add(group, field, DEFAULTS.get(field.name, field.default), HELP[field.name] + " (%(default)s)")
    group = parser.add_argument_group("model", "in place of what the preset says")
    for field in command.MODEL_FIELDS.values():
        _add(group, field, MISSING, "the text's, and 1000 for 'bpe'" if field.name == "vocab_size" else None)
    return parser


def _add(group: Any, field: Field, default: Any, text: str | None) -> None:
    flag, default = f"--{field.name.replace('_', '-')}", None if default is MISSING else default
    if field.name == "compile":
        group.add_argument(flag, nargs="?", const=True, default=False, choices=["auto"], help=text)
    elif field.type is bool:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, default=default, help=text)
    else:
        kind = float if isinstance(field.type, types.UnionType) else field.type
        group.add_argument(flag, type=kind, default=default, metavar="X", help=text)


def _sample_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m course_lib.training sample",
        description="Write text with a model that the training command left in a folder.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--out", required=True, type=Path, metavar="FOLDER", help="the training command's")
    add("--prompt", default="\n", metavar="TEXT", help="what the text begins with (a new line)")
    add("--max-new-tokens", type=int, default=500, metavar="N", help="tokens to write (%(default)s)")
    add("--temperature", type=float, default=1.0, metavar="X", help="0 takes the most likely token (%(default)s)")
    add("--top-k", type=int, metavar="K", help="sample from the K most likely tokens (all)")
    add("--top-p", type=float, default=1.0, metavar="P", help="sample from the fewest of probability P (%(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="the same seed, the same text (%(default)s)")
    add("--device", help="cpu, cuda or mps (the best there is)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
