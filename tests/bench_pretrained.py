"""SmolLM2 in our classes beside Transformers: from the file into memory, and from a prompt to an answer."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
import transformers

from course_lib import data
from course_lib.generation import GenerationConfig, generate
from course_lib.pretrained import chat_tokens, load_smollm2

LONG = "Tell me a story about a fox, a mountain and a river that ran the wrong way."
ASKED = ["Hello", "What is 7 + 5?", "What is the capital of Japan?", "Write a Python function that adds two numbers."]


def _theirs() -> tuple[transformers.PreTrainedModel, transformers.PreTrainedTokenizerBase]:
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    folder, name = data.smollm2_file().parent, data.smollm2_file().name
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    return model.eval(), tokenizer


def loading() -> Iterator[tuple[str, Callable, Callable]]:
    """Model and tokenizer from the GGUF file, in float32; the peer is Transformers' from_pretrained(gguf_file=...)."""
    yield "model and tokenizer", load_smollm2, _theirs


def decoding() -> Iterator[tuple[str, Callable, Callable]]:
    """32 greedy tokens after one prompt, and after eight of unequal length; the peer is Transformers' generate."""
    (ours, tokenizer), (theirs, _) = load_smollm2(), _theirs()
    asked = [LONG, *ASKED, *(f"{question} {LONG}" for question in ASKED[:3])]
    prompts = [chat_tokens(tokenizer, [{"role": "user", "content": question}]) for question in asked]
    config = GenerationConfig(temperature=0, max_new_tokens=32)
    for dtype in (torch.float32, torch.bfloat16):
        ours, theirs = ours.to(dtype), theirs.to(dtype)
        for batch in (prompts[:1], prompts):
            yield (
                f"{len(batch)} prompt{'s' if len(batch) > 1 else ''}, {str(dtype).removeprefix('torch.')}",
                partial(generate, ours, batch, config),
                partial(_generate, theirs, batch),
            )


def _generate(model: transformers.PreTrainedModel, prompts: list[list[int]]) -> torch.Tensor:
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    options = {"do_sample": False, "min_new_tokens": 32, "max_new_tokens": 32, "pad_token_id": 0}
    return model.generate(ids, attention_mask=mask, **options)


loading.rounds = decoding.rounds = 3
