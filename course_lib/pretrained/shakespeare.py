"""The GPT that was trained at length on Shakespeare's plays, as the course keeps it."""

from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

from course_lib import PROJECT
from course_lib.gpt import ModernGPT, ModernGPTConfig
from course_lib.tokenizers import BPETokenizer
from course_lib.training import load_weights, read_about, save_weights

__all__ = ["SHAKESPEARE_GPT", "load_shakespeare_gpt", "save_shakespeare_gpt"]

SHAKESPEARE_GPT = PROJECT / "data" / "checkpoints" / "shakespeare_gpt.safetensors"


def save_shakespeare_gpt(path: Path | str, model: ModernGPT, tokenizer: BPETokenizer, about: dict[str, Any]) -> None:
    """Write the model in half precision, with its config and tokenizer, and what there is to say about its training."""
    parts = {name: getattr(tokenizer, name) for name in tokenizer.FIELDS}
    save_weights(path, deepcopy(model).half(), {"config": asdict(model.config), "tokenizer": parts, **about})


def load_shakespeare_gpt(path: Path | str = SHAKESPEARE_GPT) -> tuple[ModernGPT, BPETokenizer]:
    """A ModernGPT of 1.4 million weights that has read 36 of Shakespeare's works, and its tokenizer of 1,000 tokens.

    Its card is in data/checkpoints. Raises FileNotFoundError or ValueError, as `training.load_weights`, for a missing,
    damaged or foreign file.
    """
    about = read_about(path)
    if not {"config", "tokenizer"} <= about.keys():
        raise ValueError(f"{path} holds no GPT: expected what save_shakespeare_gpt writes")
    model = ModernGPT(ModernGPTConfig(**about["config"]))
    load_weights(path, model)
    return model.eval(), BPETokenizer(**about["tokenizer"])
