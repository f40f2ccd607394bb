"""Properties of tokens of the plays, and how well single numbers predict them.

Axes: N tokens, F numbers at each, V vocabulary.
"""

import re
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata
from torch import Tensor

from experiments.dictionaries import pieces, windows

__all__ = ["Rule", "areas", "best_rules", "f1_of", "labels"]

SPEAKER = r"(?m)^[A-Z][A-Z' ]+[.:]"
STAGE = r"\[[^\]]*\]|(?m:^) ?(?:Enter|Exit|Exeunt)[^\n]*"


def labels(tokens: Int[Tensor, "B T"]) -> dict[str, Bool[np.ndarray, " N"]]:
    """Properties of every token but the first of each window; the last is shuffled among tokens of like frequency."""
    capital = np.array([bool(re.match(r"\s*[A-Z]", piece)) for piece in pieces()])
    shuffled, found = _shuffled(capital), []
    for row in tokens.tolist():
        texts = [pieces()[token] for token in row]
        text, ends = "".join(texts), np.cumsum([len(piece) for piece in texts])
        before = ["", *(text[end - 1] for end in ends[:-1])]
        columns = {
            "capital letter": capital[row],
            "ends with a vowel": [piece[-1:] in tuple("aeiou") for piece in texts],
            "begins a line": [character == "\n" for character in before],
            "after a comma": [character == "," for character in before],
            "in a speaker's name": _touched(SPEAKER, text, ends),
            "in a stage direction": _touched(STAGE, text, ends),
            "shuffled capital (null)": shuffled[row],
        }
        found.append(columns)
    return {name: np.concatenate([np.array(columns[name])[1:] for columns in found]) for name in found[0]}


def _touched(pattern: str, text: str, ends: Int[np.ndarray, " T"]) -> Bool[np.ndarray, " T"]:
    """Which tokens, given the ends of each, have a character in a match of the pattern."""
    inside = np.zeros(len(text) + 1, dtype=int)
    for match in re.finditer(pattern, text):
        inside[match.start() + 1 : match.end() + 1] = 1
    total = inside.cumsum()
    return total[ends] > total[np.concatenate([[0], ends[:-1]])]


def _shuffled(of_tokens: Bool[np.ndarray, " V"], block: int = 20) -> Bool[np.ndarray, " V"]:
    """A property of tokens, shuffled among tokens of about the same frequency in the training text."""
    counts = np.bincount(windows("train", 500).flatten().numpy(), minlength=len(of_tokens))
    order, random, new = np.argsort(-counts, kind="stable"), np.random.default_rng(0), of_tokens.copy()
    for start in range(0, len(order), block):
        near = order[start : start + block]
        new[near] = of_tokens[random.permutation(near)]
    return new


class Rule(NamedTuple):
    """One number of the activation and a threshold: a token has the property if sign x number is at least this."""

    column: int
    sign: int
    threshold: float
    f1: float


def best_rules(scores: Float[Tensor, "N F"], wanted: dict[str, Bool[np.ndarray, " N"]]) -> dict[str, Rule]:
    """For each property the column, the sign and the threshold with the highest F1."""
    ordered, order = scores.T.sort(dim=1, descending=True)
    rules = {name: Rule(0, 1, 0.0, 0.0) for name in wanted}
    for sign in (1, -1):
        for name, label in wanted.items():
            hits = torch.from_numpy(label)[order].cumsum(dim=1, dtype=torch.int32)
            f1 = 2 * hits / (torch.arange(1, len(label) + 1) + int(label.sum()))
            f1[:, :-1][ordered[:, :-1] == ordered[:, 1:]] = 0  # no threshold lies between equal scores
            values, places = f1.max(dim=1)
            column = int(values.argmax())
            if values[column] > rules[name].f1:
                threshold = ordered[column, places[column]].item()
                rules[name] = Rule(column, sign, threshold, values[column].item())
        ordered, order = -ordered.flip(1), order.flip(1)
    return rules


def f1_of(rule: Rule, scores: Float[Tensor, "N F"], label: Bool[np.ndarray, " N"]) -> float:
    """The F1 of a rule, on tokens on which it was not chosen."""
    said = rule.sign * scores[:, rule.column].numpy() >= rule.threshold
    return float(2 * (said & label).sum() / max(1, said.sum() + label.sum()))


def areas(
    scores: Float[Tensor, "N F"], wanted: dict[str, Bool[np.ndarray, " N"]]
) -> dict[str, Float[np.ndarray, " F"]]:
    """For each property the AUC of every column: how often it ranks a token with it above one without it."""
    ranks, found = rankdata(scores.numpy(), axis=0), {}
    for name, label in wanted.items():
        positives, negatives = label.sum(), (~label).sum()
        found[name] = (label @ ranks - positives * (positives + 1) / 2) / (positives * negatives)
    return found
