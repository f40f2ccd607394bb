"""Our decoding beside llama.cpp's, on the same file of weights and with as many threads: see tests/bench.py.

The peer comes through the package cyllama 0.2.18, which none of our requirements has: the benchmark runs where somebody
has installed it. (llama-cpp-python comes as a source that takes long to build.)
"""

import copy
import importlib.util
from collections.abc import Callable, Iterator
from functools import partial

import torch

from course_lib import data
from course_lib.generation import GenerationConfig, generate
from course_lib.pretrained import chat_tokens, load_smollm2
from course_lib.quantisation import quantise_dynamically

NEW = 32  # tokens


def llama_cpp() -> Iterator[tuple[str, Callable, Callable]]:
    """32 greedy tokens of SmolLM2 after one prompt: ours in float32 and in 8 bits, llama.cpp in the file's 4 bits."""
    if importlib.util.find_spec("cyllama") is None:
        print("llama_cpp: skipped, as the package cyllama is not installed")
        return
    model, tokenizer = load_smollm2()
    ids = chat_tokens(tokenizer, [{"role": "user", "content": "Tell me about the sea."}])
    theirs = _peer(str(data.smollm2_file()), ids)
    eight_bits = copy.deepcopy(model)
    quantise_dynamically(eight_bits)
    config = GenerationConfig(temperature=0, max_new_tokens=NEW)
    yield "float32 and Q4_1", partial(generate, model, [ids], config), theirs
    yield "8 bits and Q4_1", partial(generate, eight_bits, [ids], config), theirs


llama_cpp.rounds = 5


def _peer(path: str, ids: list[int]) -> Callable[[], list[int]]:
    from cyllama.llama import llama_cpp as peer

    peer.disable_logging()
    settings = peer.LlamaModelParams()
    settings.n_gpu_layers = 0
    model = peer.LlamaModel(path, settings)
    sizes = peer.LlamaContextParams()
    sizes.n_ctx, sizes.n_threads, sizes.n_threads_batch = 512, torch.get_num_threads(), torch.get_num_threads()
    context, sampler = peer.LlamaContext(model, sizes), peer.LlamaSampler(peer.LlamaSamplerChainParams())
    sampler.add_greedy()

    def written() -> list[int]:
        found: list[int] = []
        context.kv_cache_clear()
        context.decode(peer.llama_batch_get_one(ids, 0))
        while len(found) < NEW:
            found.append(sampler.sample(context, -1))
            context.decode(peer.llama_batch_get_one(found[-1:], len(ids) + len(found) - 1))
        return found

    return written
