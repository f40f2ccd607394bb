"""Text from a language model, one token after another: the likeliest each time, or drawn.

`generate` gives tokens, `generate_text` and `stream` text; GenerationConfig says how tokens are chosen. Any model with
`start` and `step` will do: see Decoder.
"""

from course_lib.generation.choosing import GenerationConfig, greedy, penalise_repetition, sample, top_k, top_p
from course_lib.generation.decoding import Decoder, generate
from course_lib.generation.text import generate_text, stream

__all__ = [
    "Decoder",
    "GenerationConfig",
    "generate",
    "generate_text",
    "greedy",
    "penalise_repetition",
    "sample",
    "stream",
    "top_k",
    "top_p",
]
