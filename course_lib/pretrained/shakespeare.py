"""The GPT that was trained at length on Shakespeare's plays, as the course keeps it."""

from course_lib import PROJECT
from course_lib.gpt import ModernGPT
from course_lib.model_files import load_model
from course_lib.tokenizers import BPETokenizer

__all__ = ["SHAKESPEARE_GPT", "load_shakespeare_gpt"]

SHAKESPEARE_GPT = PROJECT / "data" / "checkpoints" / "shakespeare_gpt.safetensors"


def load_shakespeare_gpt() -> tuple[ModernGPT, BPETokenizer]:
    """A ModernGPT of 1.4 million weights that has read 36 of Shakespeare's works, and its tokenizer of 1,000 tokens.

    Its card is in data/checkpoints.
    """
    return load_model(SHAKESPEARE_GPT)
