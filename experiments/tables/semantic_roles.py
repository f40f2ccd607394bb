"""Who did what to whom: a verdict a token by MiniLM, trained on sentences of a small grammar, against rules.

What decides are the verbs that training has not seen, and 100 sentences that people wrote. F1 is over all roles of all
sentences together; its interval resamples sentences, whose counts are stored, so that systems can be compared in pairs.
The rules and the grammar were written, and the sentences labelled, by the same hand: before the first model was scored.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from course_lib.bert import BERT, TokenClassifier
from course_lib.metrics import bootstrap_interval
from course_lib.runtime import evaluating, own_randomness
from course_lib.training import TrainingConfig
from experiments import roles
from experiments.readers import minilm
from experiments.roles import Sentence
from experiments.shared import rounded, train_whole

__all__ = ["row", "rows"]

SENTENCES, PASSES, RATE, BATCH = 2_000, 2_000, 3e-4, 16
HELD_OUT = 400


def rows() -> Iterator[dict]:
    """The rows of the table, one by one."""
    yield row("rules", 0)
    for system in ("MiniLM", "random weights", "MiniLM, active sentences only"):
        for seed in (1, 2, 3):
            yield row(system, seed)


def row(system: str, seed: int, sentences: int = SENTENCES, passes: int = PASSES) -> dict:
    """F1 on the grammar's held-out verbs, in active and passive sentences, and on the sentences that people wrote."""
    model = None if system == "rules" else trained(system, seed, sentences, passes)
    held_out, people = roles.grammar(HELD_OUT, 0, held_out=True), roles.by_hand()
    found = {"held-out verbs": held_out, "people": people}
    for kind in ("active", "passive"):
        found[kind] = [sentence for sentence in held_out if sentence.source == kind]
    counts = {name: role_counts(model, some) for name, some in found.items()}
    scores = {name: rounded(bootstrap_interval(f1, *np.array(some).T)) for name, some in counts.items()}
    return {"system": system, "seed": seed, **scores, "counts": counts["people"]}


def f1(found: np.ndarray, named: np.ndarray, real: np.ndarray) -> Any:
    return 2 * found.sum(axis=-1) / (named.sum(axis=-1) + real.sum(axis=-1))


def role_counts(model: nn.Module | None, sentences: Sequence[Sentence]) -> list[list[int]]:
    """The counts of each sentence, by a model or, without one, by the rules."""
    if model is None:
        named = [roles.by_rule(sentence.words, sentence.predicate) for sentence in sentences]
    else:
        named = [roles_of(model, sentence) for sentence in sentences]
    return roles.role_counts([sentence.roles for sentence in sentences], named)


def pieces(sentence: Sentence) -> tuple[list[int], list[int], list[int]]:
    """What the model reads: ids, segment 1 at the predicate; and at first pieces the number of the word, else -1."""
    _, tokenizer = minilm()
    ids, segments, numbers = [tokenizer.encode("[CLS]", special=True)[0]], [0], [-1]
    for number, word in enumerate(sentence.words):
        of_word = tokenizer.encode(word)
        ids += of_word
        segments += [int(number == sentence.predicate)] * len(of_word)
        numbers += [number] + [-1] * (len(of_word) - 1)
    return [*ids, tokenizer.encode("[SEP]", special=True)[0]], [*segments, 0], [*numbers, -1]


def trained(system: str, seed: int, sentences: int, passes: int) -> nn.Module:
    """A TokenClassifier after training on sentences of the grammar; roles are learned at first pieces."""
    made = roles.grammar(sentences, seed)
    if system == "MiniLM, active sentences only":
        made = [sentence for sentence in roles.grammar(2 * sentences, seed) if sentence.source == "active"]
    rows = []
    for sentence in made:
        ids, segments, numbers = pieces(sentence)
        targets = [sentence.roles[number] if number >= 0 else -100 for number in numbers]
        rows.append(tuple(map(torch.tensor, (ids, segments, targets))))
    start, _ = minilm()
    with own_randomness(seed):
        bert = BERT(start.config)
        if system != "random weights":
            bert.load_state_dict(start.state_dict())
        model = TokenClassifier(bert, len(roles.ROLES))

    def batches(generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        some = torch.randint(len(rows), (BATCH,), generator=generator).tolist()
        ids, segments, targets = zip(*(rows[i] for i in some), strict=True)
        padded = [pad_sequence(part, batch_first=True) for part in (ids, segments)]
        return *padded, pad_sequence(targets, batch_first=True, padding_value=-100)

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(model(*batch[:2]).flatten(0, 1), batch[2].flatten())

    steps = passes // BATCH
    config = TrainingConfig(
        steps=steps, learning_rate=RATE, warmup_steps=steps // 10, weight_decay=0.01, evaluate_every=steps, seed=seed
    )
    train_whole(model, loss, batches, config)
    return model


def roles_of(model: nn.Module, sentence: Sentence) -> list[int]:
    """The most probable role at the first piece of each word."""
    ids, segments, numbers = (torch.tensor(part) for part in pieces(sentence))
    with evaluating(model), torch.inference_mode():
        named = model(ids[None], segments[None])[0].argmax(dim=-1)
    return named[numbers >= 0].tolist()
