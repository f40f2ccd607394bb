"""Weights of real models in our own classes, and ours in the form that the library Transformers reads.

`load_smollm2()` gives a model that talks, and its tokenizer; `chat_prompt` writes a conversation as it reads one.
`load_shakespeare_gpt()` gives the small one that the course trained on Shakespeare. `load_minilm()` gives a BERT that
makes vectors of sentences, `load_whisper()` a model that writes down speech.
"""

from course_lib.pretrained.chat import chat_prompt, chat_tokens
from course_lib.pretrained.export import to_transformers
from course_lib.pretrained.gguf_files import GGUFFile, dequantised, read_gguf
from course_lib.pretrained.layouts import gguf_layout, gpt2_layout, llama_layout
from course_lib.pretrained.minilm import WordPieceTokenizer, load_minilm
from course_lib.pretrained.shakespeare import load_shakespeare_gpt
from course_lib.pretrained.smollm2 import gguf_config, gguf_model, gguf_tokenizer, load_gguf, load_smollm2
from course_lib.pretrained.transformers_models import from_transformers, load_safetensors
from course_lib.pretrained.whisper import load_whisper

__all__ = [
    "GGUFFile",
    "WordPieceTokenizer",
    "chat_prompt",
    "chat_tokens",
    "dequantised",
    "from_transformers",
    "gguf_config",
    "gguf_layout",
    "gguf_model",
    "gguf_tokenizer",
    "gpt2_layout",
    "llama_layout",
    "load_gguf",
    "load_minilm",
    "load_safetensors",
    "load_shakespeare_gpt",
    "load_smollm2",
    "load_whisper",
    "read_gguf",
    "to_transformers",
]
