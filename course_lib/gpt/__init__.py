"""Decoder-only Transformers: GPT as of 2019, ModernGPT as of 2023, their configs and presets.

`build(preset("tiny", vocab_size=97))` makes one; both decode step by step with a cache of keys and values.
"""

from course_lib.gpt.config import PRESETS, GPTConfig, ModernGPTConfig, preset
from course_lib.gpt.models import GPT, Block, FeedForward, ModernGPT, SwiGLU, build

__all__ = [
    "GPT",
    "PRESETS",
    "Block",
    "FeedForward",
    "GPTConfig",
    "ModernGPT",
    "ModernGPTConfig",
    "SwiGLU",
    "build",
    "preset",
]
