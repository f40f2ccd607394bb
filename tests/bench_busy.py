"""Training on a machine in use: with what course.py sets for OpenMP's threads while they wait, and without."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from helpers import json_lines, spread

from course_lib import PROJECT, data, gpt
from course_lib.tokenizers import CharTokenizer
from course_lib.training import write_tokens

SET = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
BATCH_SIZE = 32
WARM_UP = 10  # steps that do not count


def busy_machine(steps: int = 30, rounds: int = 3) -> None:
    """Steps a second of the training command with its default model, quiet and beside one and two busy processes."""
    if not set(SET) & os.environ.keys():
        print("busy_machine: nothing is set here; `python3 course.py bench busy_machine` sets it")
        return
    print("busy_machine: steps a second with " + ", ".join(f"{k}={os.environ[k]}" for k in SET if k in os.environ))
    without = {name: value for name, value in os.environ.items() if name not in SET}
    with tempfile.TemporaryDirectory() as folder:
        text = data.shakespeare("train")
        tokenizer = CharTokenizer.train(text)
        write_tokens(Path(folder, "text.tokens"), [tokenizer.encode(text)], tokenizer.vocab_size)
        for others in (0, 1, 2):
            with _busy(others):
                pairs = [[_speed(folder, steps, env) for env in (dict(os.environ), without)] for _ in range(rounds)]
            ours, theirs = zip(*pairs, strict=True)
            ratios = [mine / other for mine, other in pairs]
            figures = f"{spread(ours, 1):>24}{spread(theirs, 1):>24}{spread(ratios, 1):>18}"
            print(f"{f'beside {others} busy processes':34}{figures}", flush=True)


@contextlib.contextmanager
def _busy(count: int) -> Iterator[None]:
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def _speed(folder: str, steps: int, environment: dict[str, str]) -> float:
    with tempfile.TemporaryDirectory(dir=folder) as out:
        words = ["--out", out, "--data", f"{folder}/text.tokens", "--device", "cpu", "--batch-size", str(BATCH_SIZE)]
        command = [sys.executable, "-m", "course_lib.training", *words, "--steps", str(WARM_UP + steps)]
        subprocess.run(command, check=True, env=environment, cwd=PROJECT, stdout=subprocess.DEVNULL)
        lines = json_lines(Path(out, "log.jsonl"))[WARM_UP:]
    tokens = BATCH_SIZE * gpt.preset("tiny").context_length
    return steps / sum(tokens / line["tokens_per_second"] for line in lines)
