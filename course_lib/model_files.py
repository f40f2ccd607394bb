"""A model, its config and its tokenizer in one safetensors file: the format of every model that the course trains.

The file's metadata hold, as JSON, the format and its version, the kind and config of the model, the kind and fields of
the tokenizer, and notes about the model.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from course_lib.bert import BERTConfig, MaskedLM
from course_lib.gpt import GPT, GPTConfig, ModernGPT, ModernGPTConfig
from course_lib.mlp import MLPConfig, MLPLanguageModel
from course_lib.recurrent import RecurrentLM, RecurrentLMConfig
from course_lib.seq2seq import Seq2Seq, Seq2SeqConfig
from course_lib.tokenizers import BPETokenizer, CharTokenizer, Tokenizer, WordTokenizer
from course_lib.training import checkpoints
from course_lib.transformer import Transformer, TransformerConfig
from course_lib.validation import require

__all__ = ["load_model", "read_about", "save_model"]

FORMAT, VERSION = "course_lib model", 1
MODELS: dict[str, tuple[type[nn.Module], type]] = {
    "GPT": (GPT, GPTConfig),
    "MLPLanguageModel": (MLPLanguageModel, MLPConfig),
    "MaskedLM": (MaskedLM, BERTConfig),
    "ModernGPT": (ModernGPT, ModernGPTConfig),
    "RecurrentLM": (RecurrentLM, RecurrentLMConfig),
    "Seq2Seq": (Seq2Seq, Seq2SeqConfig),
    "Transformer": (Transformer, TransformerConfig),
}
TOKENIZERS = {kind.__name__: kind for kind in (BPETokenizer, CharTokenizer, WordTokenizer)}


def save_model(
    path: Path | str,
    model: nn.Module,
    tokenizer: Tokenizer | None = None,
    about: Any = None,
    *,
    half: bool = False,
    weights: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a model and its tokenizer atomically, with notes (`about`: anything that JSON can hold).

    With `half`, weights are stored in half precision. `weights` are written in place of the model's own. Raises
    ValueError for a model or tokenizer of an unknown class, and for a tokenizer with more tokens than the model's
    vocabulary.
    """
    kind = type(model).__name__
    known = MODELS.get(kind, (None,))[0] is type(model)
    require(known, f"the model must be one of {', '.join(MODELS)}", kind)
    description = {"format": FORMAT, "version": VERSION, "kind": kind, "config": asdict(model.config), "about": about}
    if tokenizer is not None:
        name = type(tokenizer).__name__
        require(TOKENIZERS.get(name) is type(tokenizer), f"the tokenizer must be one of {', '.join(TOKENIZERS)}", name)
        most, tokens = model.config.vocab_size, tokenizer.vocab_size
        require(tokens <= most, f"the tokenizer's vocab_size must be at most the model's {most}", tokens)
        description["tokenizer"] = {"kind": name} | tokenizer.fields()
    checkpoints.save_weights(path, deepcopy(model).half() if half else model, description, weights=weights)


def load_model(path: Path | str) -> tuple[nn.Module, Tokenizer | None]:
    """The model in a file that `save_model` wrote, in float32 and in evaluation mode, and its tokenizer or None.

    Raises FileNotFoundError for a missing file, and ValueError for one that is damaged or holds something else.
    """
    description = _description(path)
    model_class, config_class = MODELS[description["kind"]]
    try:
        model, tokenizer = model_class(config_class(**description["config"])), description.get("tokenizer")
        if tokenizer is not None:
            tokenizer = TOKENIZERS[tokenizer.pop("kind")](**tokenizer)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} describes a {description['kind']} that cannot be built: {error}") from error
    checkpoints.load_weights(path, model)
    return model.eval(), tokenizer


def read_about(path: Path | str) -> Any:
    """The notes that `save_model` stored with a model. Raises the errors of `load_model`."""
    return _description(path)["about"]


def _description(path: Path | str) -> dict[str, Any]:
    """The file's metadata. Raises ValueError unless they describe a model of a known kind."""
    found = checkpoints.read_about(path)
    if found.get("format") != FORMAT:
        raise ValueError(f"{path} holds no model and config: expected what save_model writes")
    if found.get("version") != VERSION:
        raise ValueError(f"{path} has version {found.get('version')} of the format, but version {VERSION} is read here")
    if found.get("kind") not in MODELS:
        raise ValueError(f"{path} holds a {found.get('kind')}, but the models known here are {', '.join(MODELS)}")
    return found
