"""all-MiniLM-L6-v2 as a BERT, and WordPiece, BERT's tokenizer, for which the package `tokenizers` does the work."""

from collections.abc import Iterable

from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, normalizers, pre_tokenizers

from course_lib import data
from course_lib.bert import BERT
from course_lib.pretrained.transformers_models import load_safetensors
from course_lib.tokenizers import Tokenizer
from course_lib.validation import Ids, require, require_integer

__all__ = ["WordPieceTokenizer", "load_minilm"]

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class WordPieceTokenizer(Tokenizer):
    """Words in lower case without accents, each cut into the longest pieces that the vocabulary has, from the left.

    Schuster and Nakajima (2012), as in BERT (uncased). "##" begins a piece that continues a word; a word that cannot
    be cut so, or has more than 100 characters, is [UNK]. `decode` gives back neither capitals nor accents nor spaces.

    >>> tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "read", "##ers", "!"])
    >>> tokenizer.encode("Réaders read!"), tokenizer.decode([5, 6, 5, 7])
    ([5, 6, 5, 7], 'readers read!')
    """

    def __init__(self, vocabulary: Iterable[str], special_tokens: Iterable[str] = _SPECIAL) -> None:
        super().__init__(vocabulary, special_tokens)
        named = set(_SPECIAL) <= set(self.special_tokens)
        require(named, f"special_tokens must include {', '.join(_SPECIAL)}", self.special_tokens)
        self._backend = Backend(models.WordPiece(self._ids, unk_token="[UNK]", max_input_chars_per_word=100))
        self._backend.normalizer = normalizers.BertNormalizer()
        self._backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        self._backend.decoder = decoders.WordPiece()

    def _encode(self, text: str) -> list[int]:
        return self._backend.encode(text).ids

    def decode(self, ids: Ids) -> str:
        """The pieces joined, with a space between any two words; raises ValueError for an unknown id."""
        return self._backend.decoder.decode(self._tokens(ids))

    def sequence(
        self, first: str, second: str | None = None, longest: int = 512, special: bool = False
    ) -> tuple[list[int], list[int]]:
        """What BERT reads: the ids of [CLS] first [SEP] second [SEP], and the segment of each, 0 or 1.

        Beyond `longest` ids the longer text loses its end, until both are as long. `special` is as in `encode`.

        >>> WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]).sequence("a a", "b")
        ([2, 5, 5, 3, 6, 3], [0, 0, 0, 0, 1, 1])
        """
        texts = [self.encode(text, special) for text in (first, second) if text is not None]
        require_integer("longest", longest, at_least=1 + len(texts))
        shorter_first = sorted(texts, key=len)
        while sum(map(len, texts)) > longest - 1 - len(texts):
            max(shorter_first, key=len).pop()
        ids, segments = [self._ids["[CLS]"]], [0]
        for segment, text in enumerate(texts):
            ids += [*text, self._ids["[SEP]"]]
            segments += [segment] * (len(text) + 1)
        return ids, segments


def load_minilm() -> tuple[BERT, WordPieceTokenizer]:
    """all-MiniLM-L6-v2 (Wang et al., 2020; Reimers and Gurevych, 2019), whose mean states are vectors of sentences.

    `bert.sentence_vectors(model, [tokenizer.sequence(text)[0] for text in texts])` gives them. It was trained on texts
    of at most 128 tokens, though it reads 512, and on cosine similarities, so that only a vector's direction counts.
    """
    folder = data.minilm_folder()
    vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    return load_safetensors(folder), WordPieceTokenizer(vocabulary)
