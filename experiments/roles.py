"""Who did what to whom: sentences of a small grammar, sentences that people wrote, and a rival that goes by rules.

Each sentence has one predicate, whose position is given; the head word of each of its roles has a label.
"""

import random
import re
from collections.abc import Sequence
from typing import NamedTuple

from course_lib import PROJECT

__all__ = ["BY_HAND", "ROLES", "Sentence", "by_hand", "by_rule", "grammar", "role_counts"]

ROLES = ("none", "agent", "patient", "recipient")
BY_HAND = PROJECT / "data" / "roles.tsv"
NONE, AGENT, PATIENT, RECIPIENT = range(4)


class Sentence(NamedTuple):
    """Its words, which of them is the predicate, and the role of each."""

    words: list[str]
    predicate: int
    roles: list[int]
    source: str  # "active" or "passive" of the grammar; "boolq" or "reviews" of people


def by_hand() -> list[Sentence]:
    """100 sentences from BoolQ's passages and from reviews, labelled by hand: the card is in data/README.md."""
    found = []
    for line in BY_HAND.read_text(encoding="utf-8").splitlines():
        source, text = line.split("\t")
        parts = [re.fullmatch(r"(.+?)(?:/([VAPR]))?", word).groups() for word in text.split()]
        letters = [letter for _, letter in parts]
        roles = ["APR".index(letter) + 1 if letter in ("A", "P", "R") else NONE for letter in letters]
        found.append(Sentence([word for word, _ in parts], letters.index("V"), roles, source))
    return found


# Present, past, participle of each verb.
VERBS = """breaks broke broken, paints painted painted, finds found found, cleans cleaned cleaned, writes wrote
written, watches watched watched, builds built built, sees saw seen, follows followed followed,
opens opened opened, likes liked liked, reads read read, chooses chose chosen, repairs repaired
repaired, praises praised praised, hides hid hidden, visits visited visited, loses lost lost,
records recorded recorded, needs needed needed, holds held held, uses used used, closes closed
closed, drives drove driven, catches caught caught, draws drew drawn, blames blamed blamed, steals
stole stolen, controls controlled controlled, causes caused caused, wins won won, teaches taught
taught"""
HELD_OUT_VERBS = """directs directed directed, destroys destroyed destroyed, eats ate eaten, protects protected
protected, leads led led, kills killed killed, forgets forgot forgotten, buys bought bought, cooks
cooked cooked, attacks attacked attacked"""
GIVING = """gives gave given, sends sent sent, shows showed shown, sells sold sold, hands handed handed, lends
lent lent"""
HELD_OUT_GIVING = "offers offered offered, awards awarded awarded, brings brought brought"
PEOPLE = """girl boy teacher farmer king queen painter doctor neighbour writer actor director singer thief
soldier child student guard mayor company team critic audience crowd studio village children workers
police scientists friends""".split()
THINGS = """book film picture letter vase house bridge song story car garden door window ship prize script movie
money series church school town horse dog castle boat plan scene city report books films songs
letters prizes stories plans""".split()
ABSTRACT = "storm fire war fear love music accident flood rain disease law heat mistake noise humor silence".split()
ADJECTIVES = """old young small tall famous new red simple quiet strange good first local clever long own angry
silly royal rather_dull very_large truly_funny""".split()
NAMES = "Anna Ben Clara David Emma Felix Greta Henry Iris Jonas Karl Lucy Miller Stone Baker Harris Wells Novak".split()
SUBJECTS = "he she it they we i somebody everyone".split()
OBJECTS = "him her it them us me somebody everyone".split()
PLACES = [
    "in the town",
    "at the river",
    "by the river",
    "near the school",
    "on the hill",
    "behind the house",
    "in London",
]
TIMES = ["in 1912", "on Friday", "by 1950", "after the war", "during the night", "in May", "before the show", "by noon"]
WAYS = [
    "with great care",
    "by accident",
    "for a friend",
    "with a brush",
    "by hand",
    "without a word",
    "by working hard",
]
PASSIVE = ["is", "was", "were", "are", "has been", "had been", "will be", "can be", "gets", "was not", "should not be"]
ADVERBS = ["often", "quickly", "never", "finally", "also", "really", "only", "later", "quietly", "almost"]
ENDINGS = [
    "and the people laughed",
    "but the others stayed",
    "when the rain began",
    "because it was late",
    "that nobody knew",
    "and left",
    ", which is strange",
]


def _verbs(text: str) -> list[list[str]]:
    return [verb.split() for verb in text.split(",")]


class _Phrases:
    """Draws phrases, word by word, with a role beside each word."""

    def __init__(self, seed: str) -> None:
        self.draw = random.Random(seed)

    def often(self, share: float) -> bool:
        return self.draw.random() < share

    def phrase(
        self, role: int, nouns: Sequence[str], pronouns: Sequence[str], two: bool = True
    ) -> list[tuple[str, int]]:
        """A noun phrase: a pronoun, a name, or a noun with what stands before and after it. Its head has the role."""
        kind = self.draw.random()
        if kind < 0.15:
            return [(self.draw.choice(pronouns), role)]
        if kind < 0.3 and nouns is PEOPLE:
            names = self.draw.sample(NAMES, self.draw.choice([1, 2]))
            return [*((name, NONE) for name in names[:-1]), (names[-1], role)]
        words = self.draw.choice(
            ["the", "a", "the", "his", "their", "this", "some", "", "many", "two", "Anna's"]
        ).split()
        if self.often(0.4):
            words += self.draw.choice(ADJECTIVES).split("_")
        if self.often(0.15):
            words.append(self.draw.choice(THINGS))  # a compound: "the school window"
        head = self.draw.choice(nouns)
        if {"many", "two"} & set(words) and not head.endswith("s") and head not in ("children", "police"):
            head = f"{head[:-1]}ies" if head in ("city", "story") else f"{head}s"
        phrase = [*((word, NONE) for word in words), (head, role)]
        if self.often(0.15):
            other = self.draw.choice([*THINGS, *ABSTRACT, "London"])
            phrase += [("of", NONE), *((word, NONE) for word in self.draw.choice(["", "the", "the old"]).split())]
            phrase.append((other, NONE))
        if two and self.often(0.08):
            phrase += [("and", NONE), *self.phrase(role, nouns, pronouns, two=False)]
        return phrase

    def agent(self, pronouns: Sequence[str]) -> list[tuple[str, int]]:
        return self.phrase(AGENT, ABSTRACT if self.often(0.2) else PEOPLE, pronouns)

    def plain(self, texts: Sequence[str], share: float) -> list[tuple[str, int]]:
        return [(word, NONE) for word in self.draw.choice(texts).split()] if self.often(share) else []


class _Grammar(_Phrases):
    """Draws sentences of phrases."""

    def __init__(self, seed: int, held_out: bool) -> None:
        super().__init__(f"{seed} {held_out}")
        self.verbs, self.giving = (
            _verbs(text) for text in ((HELD_OUT_VERBS, HELD_OUT_GIVING) if held_out else (VERBS, GIVING))
        )

    def sentence(self, passive: bool) -> Sentence:
        giving = self.often(0.3)
        verb = self.draw.choice(self.giving if giving else self.verbs)
        subjects = SUBJECTS if passive else OBJECTS
        patient = self.phrase(PATIENT, THINGS if giving or self.often(0.6) else PEOPLE, subjects)
        recipient = self.phrase(RECIPIENT, PEOPLE, OBJECTS)
        if passive:
            before, predicate, after = self.passive(verb, patient, recipient, giving)
        else:
            before, predicate, after = self.active(verb, patient, recipient, giving)
        start = [*self.plain([*TIMES, "however", "in fact"], 0.25)]
        start += [(",", NONE)] if start and self.often(0.8) else []
        end = self.plain([*PLACES, *TIMES, *WAYS], 0.4) + self.plain(ENDINGS, 0.2) + self.plain(["."], 0.8)
        tagged = [*start, *before, (predicate, NONE), *after, *end]
        return Sentence(
            [word for word, _ in tagged],
            len(start) + len(before),
            [role for _, role in tagged],
            "passive" if passive else "active",
        )

    def passive(self, verb: list[str], patient: list, recipient: list, giving: bool) -> tuple[list, str, list]:
        auxiliary = self.draw.choice(PASSIVE)
        subject, after = patient, []
        if giving:
            to_subject = self.often(0.4)
            subject, after = (recipient, patient) if to_subject else (patient, [("to", NONE), *recipient])
            after = after if to_subject or self.often(0.8) else []
        by = [("by", NONE), *self.agent(OBJECTS)] if self.often(0.55) else []
        between = self.plain([*PLACES, *TIMES], 0.2) if by else []
        before = [*subject, *((word, NONE) for word in auxiliary.split()), *self.plain(ADVERBS, 0.2)]
        return before, verb[2], [*after, *between, *by]

    def active(self, verb: list[str], patient: list, recipient: list, giving: bool) -> tuple[list, str, list]:
        auxiliaries = ["", "", "", "will", "did not", "has", "can", "does not", "wants to", "tried to"]
        auxiliary = self.draw.choice(auxiliaries)
        stem = verb[0][:-2] if verb[0].endswith(("shes", "ches")) else verb[0][:-1]
        form = verb[2] if auxiliary == "has" else stem if auxiliary else self.draw.choice([verb[0], verb[1]])
        subject = [] if self.often(0.1) else self.agent(SUBJECTS)  # as in a review: "captures the mood of the town"
        after = patient
        if giving:
            to_last = [*patient, ("to", NONE), *recipient]
            after = self.draw.choice([to_last, [*recipient, *patient], patient])
        before = [*subject, *((word, NONE) for word in auxiliary.split()), *self.plain(ADVERBS, 0.2)]
        return before, form, after


def grammar(n: int, seed: int, held_out: bool = False) -> list[Sentence]:
    """So many sentences, every second one passive; with verbs that the others do not have where they are held out."""
    made = _Grammar(seed, held_out)
    return [made.sentence(passive=number % 2 == 1) for number in range(n)]


BE = set("is are was were be been being am gets got get isn't aren't wasn't weren't".split())
HELPERS = BE | set(
    "has have had will would can could should may might must do does did not never doesn't don't to".split()
)
ADVERBIAL = set("also only later often even just once so too very first again".split())
PREPOSITIONS = set(
    """in on at by with for of from to into during after before since under over through near behind
without as than like until about between against worldwide""".split()
)
BOUNDARIES = set("and but or that which who when where because while if what".split()) | set(",.;:!?") | {"--"}
DETERMINERS = set("the a an his her its their my our your this that these those some many another no every".split())
PRONOUNS = set("me him her it us them you him everyone somebody".split())


def by_rule(words: Sequence[str], predicate: int) -> list[int]:
    """The roles by word order, and in the passive (a form of *be* before the predicate) with *by* and *to*.

    The subject stands before the predicate and its helpers, the objects after it; a phrase's last word is its head.
    """
    low, roles = [word.lower() for word in words], [NONE] * len(words)
    start = predicate
    while start and (low[start - 1] in HELPERS | ADVERBIAL or low[start - 1].endswith("ly")):
        start -= 1
    passive = bool(BE & set(low[start:predicate]))
    subject = _head_before(low, start)
    objects = _objects_after(low, predicate)
    if passive:
        if subject is not None:
            roles[subject] = RECIPIENT if objects else PATIENT
        for head in objects:
            roles[head] = PATIENT
    else:
        if subject is not None:
            roles[subject] = AGENT
        for head, role in zip(reversed(objects), (PATIENT, RECIPIENT), strict=False):
            roles[head] = role
    for position in range(predicate + 1, len(low) - 1):
        if low[position] in ("and", "but", ";", "which", "who", "when", "because", "before"):
            break
        head = _head_after(low, position + 1)
        if low[position] == "by" and passive and head is not None and not _no_doer(low[head]):
            roles[head] = AGENT
        if low[position] == "to" and head is not None and (objects or passive):
            roles[head] = RECIPIENT
    return roles


def _no_doer(word: str) -> bool:
    """A year, or what is done: *by 1950*, *by working hard*."""
    return word[0].isdigit() or word.endswith("ing")


def _head_before(low: Sequence[str], end: int) -> int | None:
    """The last word of the phrase before a position, without what follows a preposition in it."""
    start = end
    while start and low[start - 1] not in BOUNDARIES:
        start -= 1
    inside = [position for position in range(start, end) if low[position] in PREPOSITIONS]
    later = [position for position in inside if position > start]
    if inside and inside[0] == start:
        start, later = start + 1, []  # the clause begins with a preposition and has no comma
    end = later[0] if later else end
    return end - 1 if end > start else None


def _head_after(low: Sequence[str], start: int) -> int | None:
    end = start
    while end < len(low) and low[end] not in BOUNDARIES | PREPOSITIONS:
        end += 1
    return end - 1 if end > start else None


def _objects_after(low: Sequence[str], predicate: int) -> list[int]:
    """The heads of one or two phrases right after the predicate."""
    start, first = predicate + 1, predicate + 1
    while first < len(low) and (low[first] in ADVERBIAL or low[first].endswith("ly")):
        first += 1
    last = _head_after(low, first)
    if last is None:
        return []
    if low[first] in PRONOUNS and last > first and low[first] != "her":
        return [first, last]
    second = [position for position in range(first + 1, last + 1) if low[position] in DETERMINERS]
    return [second[0] - 1, last] if second and start <= second[0] - 1 else [last]


def role_counts(truth: Sequence[Sequence[int]], predicted: Sequence[Sequence[int]]) -> list[list[int]]:
    """For each sentence: roles found, roles named, and roles there are: F1 = 2 found / (named + there)."""
    counts = []
    for real, named in zip(truth, predicted, strict=True):
        pairs = list(zip(real, named, strict=True))
        counts.append(
            [sum(a == b != NONE for a, b in pairs), sum(b != NONE for _, b in pairs), sum(a != NONE for a, _ in pairs)]
        )
    return counts
