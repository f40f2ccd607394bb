"""Whisper tiny.en, from a file in CTranslate2's plain binary."""

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib import data
from course_lib.speech import Whisper, WhisperConfig
from course_lib.tokenizers import BPETokenizer

__all__ = ["load_whisper", "read_ctranslate2"]

_DTYPES = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}


def load_whisper() -> tuple[Whisper, BPETokenizer]:
    """Whisper tiny.en (Radford et al., 2023) in evaluation mode, and its tokenizer: English speech to text.

    Kept in 16 bits a number; here they are float32. `speech.Listener` transcribes with it.
    """
    folder = data.whisper_folder()
    model = Whisper(WhisperConfig())
    model.load_state_dict(_our_names(read_ctranslate2(folder / "model.bin"), model.config))
    return model.eval(), _tokenizer(folder / "tokenizer.json")


def read_ctranslate2(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The tensors of a file by name, in float32 where they are numbers of 16 bits.

    A text is its length (16 bits) and its bytes, the last of them 0. The file: version, the kind of model, its
    revision, the count of tensors; for each its name, rank (8 bits), sizes, kind of number (8 bits), bytes, and these.
    Raises ValueError for a file of another form.
    """
    content, position = Path(path).read_bytes(), 0

    def number(kind: str) -> int:
        nonlocal position
        (value,) = struct.unpack_from(f"<{kind}", content, position)
        position += struct.calcsize(kind)
        return value

    def text() -> str:
        nonlocal position
        length = number("H")
        position += length
        return content[position - length : position - 1].decode()

    try:
        if number("I") != 6:
            raise ValueError("version")
        text(), number("I")
        tensors = {}
        for _ in range(number("I")):
            name, shape = text(), [number("I") for _ in range(number("B"))]
            kind, size = number("B"), number("I")
            array = np.frombuffer(content, _DTYPES[kind], size // np.dtype(_DTYPES[kind]).itemsize, position)
            position += size
            tensors[name] = torch.from_numpy(array.reshape(shape).astype("f4" if array.dtype.kind == "f" else "i4"))
    except (struct.error, KeyError, ValueError) as error:
        raise ValueError(f"{path} must be a model of CTranslate2's, version 6, but it is of another form") from error
    return tensors


def _our_names(tensors: dict[str, Tensor], config: WhisperConfig) -> dict[str, Tensor]:
    """The tensors by the names that they have in our class; queries, keys and values come joined or in two parts."""
    ours = {
        "source_positions.vectors": tensors["encoder/position_encodings/encodings"],
        "positions.vectors": tensors["decoder/position_encodings/encodings"],
        "embedding.weight": tensors["decoder/embeddings/weight"],
    }
    for kind in ("weight", "bias"):
        for index in range(2):
            ours[f"convolutions.{index}.{kind}"] = tensors[f"encoder/conv{index + 1}/{kind}"]
    for side, count in {"encoder": config.n_encoder_layers, "decoder": config.n_decoder_layers}.items():
        ours |= _norm(tensors, f"{side}/layer_norm", f"{side}_norm")
        for layer in range(count):
            ours |= _block(tensors, f"{side}/layer_{layer}", f"{side}.{layer}", side == "decoder")
    return ours


def _block(tensors: dict[str, Tensor], theirs: str, name: str, decodes: bool) -> dict[str, Tensor]:
    ours = {}
    for kind in ("weight", "bias"):
        for part, linear in {
            "attention.projection": "self_attention/linear_0",
            "attention.output": "self_attention/linear_1",
            "feed_forward.0": "ffn/linear_0",
            "feed_forward.2": "ffn/linear_1",
        }.items():
            ours[f"{name}.{part}.{kind}"] = tensors[f"{theirs}/{linear}/{kind}"]
        if decodes:
            parts = [tensors[f"{theirs}/attention/linear_{index}/{kind}"] for index in range(3)]
            ours[f"{name}.cross_attention.projection.{kind}"] = torch.cat(parts[:2])
            ours[f"{name}.cross_attention.output.{kind}"] = parts[2]
    sublayers = ("self_attention", "attention", "ffn") if decodes else ("self_attention", "ffn")
    for index, sublayer in enumerate(sublayers):
        ours |= _norm(tensors, f"{theirs}/{sublayer}/layer_norm", f"{name}.residuals.{index}.norm")
    return ours


def _norm(tensors: dict[str, Tensor], theirs: str, ours: str) -> dict[str, Tensor]:
    return {f"{ours}.weight": tensors[f"{theirs}/gamma"], f"{ours}.bias": tensors[f"{theirs}/beta"]}


def _tokenizer(path: Path) -> BPETokenizer:
    """GPT-2's tokens and merges, then those that steer, and at the end a token for every 20 ms of 30 seconds."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    ids = dict(content["model"]["vocab"])
    special = {token["content"]: token["id"] for token in content["added_tokens"]}
    ids |= special
    times = [f"<|{0.02 * step:.2f}|>" for step in range(WhisperConfig().vocab_size - len(ids))]
    vocabulary = [*sorted(ids, key=ids.__getitem__), *(time for time in times if time not in ids)]
    merges = [merge.split(" ") for merge in content["model"]["merges"]]
    return BPETokenizer(vocabulary, merges, special_tokens=[*special, *times])
