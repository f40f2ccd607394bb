"""How a verdict on a film changes when only a name in the sentence does; what two cures do to names and to accuracy.

The classifier is the one of notebook fine_tuning: a logistic regression on the mean of MiniLM's states, frozen. The
sentences are held out, and a person's name in them, which has no say in the film's quality, becomes a first name of one
of ten groups. A cure sees the first half of each group's names; the other half shows whether it holds for others.
"""

import random
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from course_lib import bert, data, pretrained
from course_lib.metrics import bootstrap_interval
from experiments.shared import rounded

ORIGINS = ("English", "African American", "Spanish", "Arabic", "Indian")
# Eight women's and eight men's first names of each origin, chosen for this course; no list says whose name a name is.
NAMES = {
    ("English", "women"): "emily sarah laura alice kate megan claire hannah",
    ("English", "men"): "peter george thomas henry oliver brian simon keith",
    ("African American", "women"): "latoya keisha tamika ebony shanice lakisha tanisha imani",
    ("African American", "men"): "deshawn darnell tyrone leroy jermaine marquis terrell trevon",
    ("Spanish", "women"): "maria carmen lucia ines pilar rosa dolores consuelo",
    ("Spanish", "men"): "carlos jorge pablo luis diego javier miguel ramon",
    ("Arabic", "women"): "fatima aisha leila yasmin zainab amina noura salma",
    ("Arabic", "men"): "mohammed ahmed hassan omar ali mustafa youssef khalid",
    ("Indian", "women"): "priya lakshmi anjali deepa kavita sunita meera radha",
    ("Indian", "men"): "raj sanjay vikram arjun ravi anil deepak suresh",
}
# Held-out sentences in which a person is named, without a "he" or "she" for that person: their number, and the name.
HELD_OUT = {
    "validation": {
        280: "kevin costner",
        345: "edward norton",
        416: "kevin kline",
        425: "jackie chan",
        458: "bill plympton",
        525: "tom green",
        577: "david flatman",
        657: "charles stone iii",
        683: "jackie chan",
        715: "david caesar",
        738: "woody allen",
        754: "guy ritchie",
    },
    "test": {
        101: "michael jackson",
        124: "eric schweig",
        221: "peter bogdanovich",
        251: "david caesar",
        322: "woody allen",
        332: "sandra bullock",
        487: "john hughes",
        605: "john ridley",
        609: "adam sandler",
        789: "roger swanson",
        832: "charles dickens",
        850: "john schultz",
    },
}
_FIRST = (
    "adam alan albert alfred antonio barry ben bob bruce cameron catherine charles charlie chris clint colin daniel "
    "david denzel diane dustin eddie eric george gerard harrison harvey hugh jacqueline james jason jeff jennifer "
    "jeremy jessica jim joe john johnny jonathan julia julie keanu ken kevin kurt larry leonardo martin mary mel "
    "michael michelle mike morgan nicole paul philip ralph richard robert roger roman sam samuel sean sidney stephen "
    "steve steven sylvester tim tom tony walter wes william woody"
).split()
_PERSON = re.compile(rf"\b(?:{'|'.join(_FIRST)}) (?!(?:the|and|that|has|have|are|you) )[a-z]{{3,}}\b")
SYSTEMS = ("as it is", "augmented", "projected", "random projection", "TF-IDF")
EACH, SLOTS = 8, 60  # names for each sentence that is added; training sentences whose name is swapped for all


def names(half: str | None = None) -> list[tuple[str, str, str]]:
    """Names with their origin and gender: all, those of the cure ("seen"), or the others ("unseen")."""
    parts = {None: slice(None), "seen": slice(None, 4), "unseen": slice(4, None)}
    return [(name, *group) for group, listed in NAMES.items() for name in listed.split()[parts[half]]]


def held_out() -> list[str]:
    """The sentences with a gap, "{}", where the name stood."""
    reviews = data.movie_reviews("rotten_tomatoes")
    return [
        reviews[split][number][0].replace(name, "{}", 1)
        for split, places in HELD_OUT.items()
        for number, name in places.items()
    ]


def with_gaps() -> list[tuple[str, int]]:
    """Training sentences in which exactly one person is named, with a gap there, and their verdicts."""
    found = []
    for text, label in data.movie_reviews("rotten_tomatoes")["train"]:
        if len(_PERSON.findall(text)) == 1 and "{" not in text:
            found.append((_PERSON.sub("{}", text), label))
    return found


@cache
def minilm() -> tuple[bert.BERT, pretrained.WordPieceTokenizer]:
    """The encoder and its tokenizer."""
    return pretrained.load_minilm()


def vectors(texts: Sequence[str]) -> Float[np.ndarray, "N C"]:
    """The mean of MiniLM's last states for each text."""
    model, tokenizer = minilm()
    return bert.sentence_vectors(model, [tokenizer.sequence(text)[0] for text in texts]).numpy().astype(float)


@cache
def _texts(split: str) -> tuple[list[str], np.ndarray]:
    rows = data.movie_reviews("rotten_tomatoes")[split]
    return [text for text, _ in rows], np.array([label for _, label in rows])


@cache
def _features(split: str) -> Float[np.ndarray, "N C"]:
    return vectors(_texts(split)[0])


@cache
def _swapped() -> Float[np.ndarray, "names sentences C"]:
    """The vectors of each held-out sentence with each name."""
    gaps = held_out()
    texts = [gap.replace("{}", name) for name, *_ in names() for gap in gaps]
    return vectors(texts).reshape(len(names()), len(gaps), -1)


@cache
def directions() -> Float[np.ndarray, "K C"]:
    """Orthonormal directions that the means of the ten groups span, in training sentences, by the names of the cure."""
    slots, seen = with_gaps()[:SLOTS], names("seen")
    x = vectors([gap.replace("{}", name) for name, *_ in seen for gap, _ in slots]).reshape(len(seen), SLOTS, -1)
    by_name = x.mean(axis=1)
    groups = [group for _, *group in seen]
    means = np.array([by_name[[other == group for other in groups]].mean(axis=0) for group in groups[::4]])
    return np.linalg.svd(means - means.mean(axis=0))[2][: len(means) - 1]


def without(x: Float[np.ndarray, "*B C"], removed: Float[np.ndarray, "K C"]) -> Float[np.ndarray, "*B C"]:
    """Vectors with their components along orthonormal directions taken out."""
    return x - (x @ removed.T) @ removed


def _random_directions() -> Float[np.ndarray, "K C"]:
    shape = directions().shape
    return np.linalg.qr(np.random.default_rng(0).normal(size=shape).T)[0].T


@cache
def scores(system: str) -> tuple[Float[np.ndarray, "names sentences"], np.ndarray]:
    """The log odds of "liked" for each name and held-out sentence, and which test sentences are judged rightly."""
    (texts, labels), (test_texts, test_labels) = _texts("train"), _texts("test")
    if system == "TF-IDF":
        counter = TfidfVectorizer(sublinear_tf=True, token_pattern=r"\w+|[^\w\s]")
        fitted = LogisticRegression(C=10, max_iter=400).fit(counter.fit_transform(texts), labels)
        swapped = [gap.replace("{}", name) for name, *_ in names() for gap in held_out()]
        found = fitted.decision_function(counter.transform(swapped)).reshape(len(names()), -1)
        return found, fitted.predict(counter.transform(test_texts)) == test_labels
    x, test, swapped = _features("train"), _features("test"), _swapped()
    if system == "augmented":
        dice = random.Random(0)
        added = [(gap, label, dice.sample(names("seen"), EACH)) for gap, label in with_gaps()]
        more = vectors([gap.replace("{}", name) for gap, _, several in added for name, *_ in several])
        labels = np.concatenate([labels, np.repeat([label for _, label, _ in added], EACH)])
        x = np.concatenate([x, more])
    elif system != "as it is":
        removed = directions() if system == "projected" else _random_directions()
        x, test, swapped = without(x, removed), without(test, removed), without(swapped, removed)
    fitted = LogisticRegression(C=1, max_iter=1000).fit(x, labels)
    found = fitted.decision_function(swapped.reshape(-1, swapped.shape[-1])).reshape(swapped.shape[:2])
    return found, fitted.predict(test) == test_labels


def row(system: str) -> dict[str, Any]:
    """Each name's mean log odds over the sentences; the verdicts that some name turns; the accuracy, and its loss."""
    found, right = scores(system)
    usual = scores("as it is")[1] if system != "TF-IDF" else right
    turned = (found > 0).any(axis=0) & (found <= 0).any(axis=0)
    return {
        "system": system,
        "accuracy": _share(right),
        "over as it is": _share(right.astype(float) - usual),
        "turned": _share(turned),
        "names": " ".join(f"{value:.3f}" for value in found.mean(axis=1)),
        "log odds": " ".join(f"{value:.2f}" for value in found.ravel()) if system == "as it is" else "",
    }


def _share(values: np.ndarray) -> list[float]:
    return rounded(bootstrap_interval(lambda x: x.mean(axis=-1), np.asarray(values, dtype=float)))


def rows() -> Iterator[dict[str, Any]]:
    """The classifier as it is, two cures, the control of the second, and a bag of words."""
    for system in SYSTEMS:
        yield row(system)
