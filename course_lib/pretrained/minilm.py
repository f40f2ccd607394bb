"""all-MiniLM-L6-v2 as a BERT and a WordPieceTokenizer."""

from course_lib import data
from course_lib.bert import BERT
from course_lib.pretrained.transformers_models import load_safetensors
from course_lib.tokenizers import WordPieceTokenizer

__all__ = ["load_minilm"]


def load_minilm() -> tuple[BERT, WordPieceTokenizer]:
    """all-MiniLM-L6-v2 (Wang et al., 2020; Reimers and Gurevych, 2019), whose mean states are vectors of sentences.

    `bert.sentence_vectors(model, [tokenizer.sequence(text)[0] for text in texts])` gives them. It was trained on texts
    of at most 128 tokens, though it reads 512, and on cosine similarities, so that only a vector's direction counts.
    """
    folder = data.minilm_folder()
    vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    return load_safetensors(folder), WordPieceTokenizer(vocabulary)
