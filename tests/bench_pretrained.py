"""SmolLM2 and MiniLM in our classes beside Transformers: from the file into memory, to an answer, to vectors."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
import transformers

from course_lib import data
from course_lib.bert import sentence_vectors
from course_lib.generation import GenerationConfig, generate
from course_lib.pretrained import chat_tokens, load_minilm, load_smollm2

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


def encoding() -> Iterator[tuple[str, Callable, Callable]]:
    """Vectors of 1,000 sentences, and of 50 whole reviews, by MiniLM in batches of 32 sorted by length.

    The peer is Transformers' BertModel, fed the same batches, with the same mean over tokens.
    """
    ours, tokenizer = load_minilm()
    theirs = transformers.AutoModel.from_pretrained(data.minilm_folder(), add_pooling_layer=False).eval()
    for source, count in (("rotten_tomatoes", 1000), ("imdb", 50)):
        texts = [text for text, _ in data.movie_reviews(source)["train"][:count]]
        rows = [tokenizer.sequence(text, longest=256)[0] for text in texts]
        yield f"{count:,} of {source}", partial(sentence_vectors, ours, rows), partial(_vectors, theirs, rows)


@torch.inference_mode()
def _vectors(model: transformers.PreTrainedModel, rows: list[list[int]]) -> torch.Tensor:
    rows, vectors = sorted(rows, key=len), []
    for start in range(0, len(rows), 32):
        some = [torch.tensor(row) for row in rows[start : start + 32]]
        ids = torch.nn.utils.rnn.pad_sequence(some, batch_first=True)
        mask = (ids != 0).long()
        states = model(ids, attention_mask=mask).last_hidden_state * mask[..., None]
        vectors.append(states.sum(dim=1) / mask.sum(dim=1, keepdim=True))
    return torch.cat(vectors)


loading.rounds = decoding.rounds = encoding.rounds = 3
