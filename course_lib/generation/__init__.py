"""Text from a language model, one token after another: the likeliest each time, drawn, or searched for.

`generate` gives tokens, `answers` also their log probabilities and why each answer ended, `generate_text` and `stream`
text; GenerationConfig says how tokens are chosen. Any model with `start` and `step` will do: see Decoder. `beam_search`
keeps several answers alive, and asks for `reorder` as well: see BeamDecoder. The module `speculative` writes what
`answers` would, in fewer calls of a model that can read several tokens at once.
"""

from course_lib.generation.beam import BeamConfig, BeamDecoder, Beams, Hypothesis, beam_search, beam_steps
from course_lib.generation.choosing import GenerationConfig, greedy, penalise_repetition, sample, top_k, top_p
from course_lib.generation.decoding import Answer, Decoder, answer_steps, answers, generate
from course_lib.generation.text import generate_text, stream

__all__ = [
    "Answer",
    "BeamConfig",
    "BeamDecoder",
    "Beams",
    "Decoder",
    "GenerationConfig",
    "Hypothesis",
    "answer_steps",
    "answers",
    "beam_search",
    "beam_steps",
    "generate",
    "generate_text",
    "greedy",
    "penalise_repetition",
    "sample",
    "stream",
    "top_k",
    "top_p",
]
