"""Text from what the training command wrote."""

import sys
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from course_lib.console import say
from course_lib.generation import GenerationConfig, stream
from course_lib.gpt import GPT, ModernGPT
from course_lib.model_files import load_model, read_about
from course_lib.training.command import MODEL_FILE
from course_lib.validation import require

__all__ = ["SlidingDecoder", "sample"]


def sample(folder: Path, prompt: str, config: GenerationConfig, *, seed: int, device: torch.device) -> None:
    """Print the prompt and what the model of a training folder writes after it, as it is written.

    Raises FileNotFoundError where there is no model yet, ValueError for one without a tokenizer and for a prompt that
    its tokenizer does not know.
    """
    path = folder / MODEL_FILE
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}: name the --out of a training run")
    if not path.is_file():
        when = "at its first evaluation or, where it has no held-out text, at its end"
        raise FileNotFoundError(f"{folder} has no {MODEL_FILE} yet: a run writes it {when}")
    model, tokenizer = load_model(path)
    require(isinstance(model, GPT | ModernGPT), f"{path} must hold a GPT or a ModernGPT", type(model).__name__)
    if tokenizer is None:
        raise ValueError(f"{path} has no tokenizer: train with --tokenizer to keep one with the model")
    try:
        ids = tokenizer.encode(prompt)
    except ValueError as error:
        raise ValueError(f"the model's tokenizer does not know all of the prompt: {error}") from None
    about = read_about(path)
    if isinstance(about, dict) and about.get("finished") is False:
        step = f"step {about['step']:,} of {about['steps']:,}"
        say(f"this run is unfinished: its best weights so far are those of {step}", file=sys.stderr)
    pieces = stream(SlidingDecoder(model.to(device)), tokenizer, ids, config, Generator().manual_seed(seed))
    say(prompt, end="")
    try:
        for piece in pieces:
            say(piece, end="")
    finally:  # also where it is stopped
        say("")


class SlidingDecoder(nn.Module):
    """A Decoder that writes on past its model's context: when that is full, it rereads the last half of the text.

    One prompt at a time.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.context_length: int = model.config.context_length

    def start(self, source: Int[Tensor, "1 T"], lengths: Int[Tensor, " 1"]) -> tuple[list[int], Any]:
        """The text read so far, and the model's state after it."""
        text = source[0, : lengths[0]].tolist()
        return text, self._read(text if len(text) < self.context_length else self._half(text))

    def step(
        self, tokens: Int[Tensor, " 1"], state: tuple[list[int], Any]
    ) -> tuple[Float[Tensor, "1 V"], tuple[list[int], Any]]:
        """The logits of what follows one more token, and the state after it."""
        text, inner = state
        if inner.lengths[0] == self.context_length:
            inner = self._read(self._half(text))
        logits, inner = self.model.step(tokens, inner)
        return logits, ([*text, *tokens.tolist()], inner)

    def _half(self, text: list[int]) -> list[int]:
        return text[len(text) - self.context_length // 2 :]

    def _read(self, text: list[int]) -> Any:
        device = next(self.model.parameters()).device
        return self.model.start(torch.tensor([text], dtype=torch.long, device=device), torch.tensor([len(text)]))
