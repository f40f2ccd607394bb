"""The course's own field of models on one task: is a sentence about a film a favourable one?

Each `fit` takes labelled texts and gives a function from texts to the probability that each is favourable, and the
megabytes that it computes with. What can be chosen is chosen on the validation texts.

Axes: N texts, T position, V vocabulary.
"""

import pickle
from collections import Counter
from collections.abc import Callable, Container, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.special import expit
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from course_lib import data
from course_lib.bert import BERT, BERTConfig, SequenceClassifier, mean_of_tokens
from course_lib.evaluation import choice_log_probabilities
from course_lib.gpt import ModernGPT, ModernGPTConfig
from course_lib.linear import OneDNN
from course_lib.ngrams import count_ngrams, kneser_ney
from course_lib.pretrained import load_smollm2
from course_lib.recurrent import GRU
from course_lib.runtime import evaluating, own_randomness
from course_lib.training import TrainingConfig
from experiments.readers import CHOICES, encoded, minilm, states_of, words_of
from experiments.shared import train_whole

__all__ = ["FIELD", "SEEDED"]

Split = tuple[Sequence[str], np.ndarray]  # texts and their labels, 1 where favourable
Predict = Callable[[Sequence[str]], Float[np.ndarray, " N"]]
Fit = Callable[[Split, Split, int], tuple[Predict, float]]
LONGEST = 64  # words, or pieces of words, of a text that are read
MEGA = 1e6
STEPS, BATCH = 800, 50
PADDING, UNKNOWN, END, FIRST = range(4)  # ids; those of the words begin with FIRST


def counted(train: Split, validation: Split, seed: int) -> tuple[Predict, float]:
    """TF-IDF of words and pairs, then logistic regression; nothing is drawn."""

    def model(c: float | int) -> object:
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b|[^\w\s]", sublinear_tf=True)
        return make_pipeline(vectorizer, LogisticRegression(C=c, max_iter=400)).fit(*train)

    best = max(map(model, CHOICES), key=lambda one: one.score(*validation))
    return lambda texts: best.predict_proba(texts)[:, 1], len(pickle.dumps(best)) / MEGA


def bigrams(train: Split, validation: Split, seed: int) -> tuple[Predict, float]:
    """Two bigram models of words, one for each label; the one that finds a text more probable wins."""
    vocabulary = _vocabulary(train[0])
    models = []
    for label in (0, 1):
        texts = [text for text, one in zip(*train, strict=True) if one == label]
        tokens = np.concatenate([[END, *_ids(text, vocabulary)] for text in texts])
        models.append(kneser_ney(count_ngrams(tokens, FIRST + len(vocabulary), 2)))

    def predict(texts: Sequence[str]) -> Float[np.ndarray, " N"]:
        rows = [np.array([END, *_ids(text, vocabulary)]) for text in texts]
        unfavourable, favourable = ([model.log_probabilities(row)[1:].sum() for row in rows] for model in models)
        return expit(np.subtract(favourable, unfavourable))

    return predict, len(pickle.dumps((vocabulary, models))) / MEGA


class GRUClassifier(nn.Module):
    """GloVe's vectors, a GRU over them, and the favourable label's logit from the mean of its outputs."""

    def __init__(self, vectors: Float[Tensor, "V C"], d_hidden: int = 64):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(vectors.clone(), freeze=False, padding_idx=PADDING)
        self.gru, self.dropout = GRU(vectors.shape[1], d_hidden), nn.Dropout(0.5)
        self.output = nn.Linear(d_hidden, 1)

    def forward(self, tokens: Int[Tensor, "N T"]) -> Float[Tensor, " N"]:
        lengths = (tokens != PADDING).sum(dim=1)
        outputs, _ = self.gru(self.dropout(self.embedding(tokens)), lengths=lengths)
        return self.output(self.dropout(outputs.sum(dim=1) / lengths[:, None])).squeeze(1)


def recurrent(train: Split, validation: Split, seed: int) -> tuple[Predict, float]:
    """A GRU over GloVe's vectors, which are trained, too."""
    glove = data.glove()
    vocabulary = _vocabulary(train[0], known=glove)
    vectors = torch.cat([torch.zeros(FIRST, glove.vector_size), torch.tensor(glove[list(vocabulary)])])
    with own_randomness(seed):
        model = GRUClassifier(vectors)
    return _trained(model, vocabulary, train, validation, seed, rate=2e-3)


class Encoder(nn.Module):
    """A small BERT from random weights, and the favourable label's logit."""

    def __init__(self, vocab_size: int):
        super().__init__()
        sizes = {"d_model": 64, "n_heads": 4, "n_layers": 2, "d_ff": 256, "dropout": 0.3}
        bert = BERT(BERTConfig(vocab_size=vocab_size, context_length=LONGEST, **sizes))
        self.model = SequenceClassifier(bert, 1, mean_of_tokens)

    def forward(self, tokens: Int[Tensor, "N T"]) -> Float[Tensor, " N"]:
        return self.model(tokens).squeeze(1)


def transformer(train: Split, validation: Split, seed: int) -> tuple[Predict, float]:
    """A Transformer encoder of two blocks, from random weights."""
    vocabulary = _vocabulary(train[0])

    with own_randomness(seed):
        model = Encoder(FIRST + len(vocabulary))
    return _trained(model, vocabulary, train, validation, seed, rate=1e-3)


def _trained(
    model: nn.Module, vocabulary: dict[str, int], train: Split, validation: Split, seed: int, rate: float
) -> tuple[Predict, float]:
    """A model of one logit, trained; its best weights are those with the lowest loss on the validation texts."""

    def rows(texts: Sequence[str]) -> list[list[int]]:
        return [_ids(text, vocabulary) or [UNKNOWN] for text in texts]

    read, labels = rows(train[0]), torch.tensor(train[1], dtype=torch.float)
    held_out, judged = rows(validation[0]), torch.tensor(validation[1], dtype=torch.float)

    def batches(generator: Generator) -> tuple[Tensor, Tensor]:
        some = torch.randint(len(read), (BATCH,), generator=generator)
        return _padded([read[i] for i in some]), labels[some]

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return F.binary_cross_entropy_with_logits(model(batch[0]), batch[1])

    def evaluate(model: nn.Module) -> Tensor:
        return F.binary_cross_entropy_with_logits(_in_batches(model, held_out), judged)

    config = TrainingConfig(steps=STEPS, learning_rate=rate, weight_decay=0.01, evaluate_every=STEPS // 8, seed=seed)
    model.load_state_dict(train_whole(model, loss, batches, config, evaluate=evaluate).best_weights)

    def predict(texts: Sequence[str]) -> Float[np.ndarray, " N"]:
        with evaluating(model), torch.inference_mode():
            return _in_batches(model, rows(texts)).sigmoid().numpy()

    return predict, _megabytes(model)


def generator(train: Split, validation: Split, seed: int) -> tuple[Predict, float]:
    """A small GPT of words that writes texts of either label; the label under which a text is more probable wins."""
    vocabulary = _vocabulary(train[0])
    size = FIRST + len(vocabulary)  # and two tokens more: the labels, which begin a text

    def rows(texts: Sequence[str], labels: Sequence[int]) -> list[list[int]]:
        pairs = zip(texts, labels, strict=True)
        return [[size + int(label), *_ids(text, vocabulary), END] for text, label in pairs]

    def nats(tokens: Int[Tensor, "N T"]) -> Float[Tensor, " N"]:
        costs = F.cross_entropy(model(tokens[:, :-1]).mT, tokens[:, 1:], ignore_index=PADDING, reduction="none")
        return costs.sum(dim=1)

    def loss(model: nn.Module, tokens: Int[Tensor, "N T"]) -> Tensor:
        return nats(tokens).sum() / (tokens[:, 1:] != PADDING).sum()

    read, held_out = rows(*train), rows(*validation)

    def batches(generator: Generator) -> Tensor:
        some = torch.randint(len(read), (BATCH,), generator=generator)
        return _padded([read[i] for i in some])

    with own_randomness(seed):
        sizes = {"d_model": 64, "n_heads": 4, "n_kv_heads": 2, "n_layers": 2, "d_ff": 176}
        model = ModernGPT(ModernGPTConfig(vocab_size=size + 2, context_length=LONGEST + 2, **sizes))
    config = TrainingConfig(steps=STEPS, learning_rate=3e-3, warmup_steps=50, evaluate_every=STEPS // 8, seed=seed)
    history = train_whole(model, loss, batches, config, evaluate=lambda model: _in_batches(nats, held_out).sum())
    model.load_state_dict(history.best_weights)

    def predict(texts: Sequence[str]) -> Float[np.ndarray, " N"]:
        with evaluating(model), torch.inference_mode():
            under = [_in_batches(nats, rows(texts, [label] * len(texts))) for label in (0, 1)]
        return (under[0] - under[1]).sigmoid().numpy()

    return predict, _megabytes(model)


def frozen(train: Split, validation: Split, seed: int) -> tuple[Predict, float]:
    """MiniLM as it is: the mean state of each of its layers, then logistic regression; nothing is drawn."""
    bert, _ = minilm()

    def features(texts: Sequence[str]) -> np.ndarray:
        return states_of(bert, encoded(texts, LONGEST)).reshape(len(texts), -1)

    read, held_out = features(train[0]), features(validation[0])

    def model(c: float) -> object:
        return make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=400)).fit(read, train[1])

    best = max(map(model, (0.0003, 0.003, 0.03)), key=lambda one: one.score(held_out, validation[1]))
    return lambda texts: best.predict_proba(features(texts))[:, 1], _megabytes(bert)


def fine_tuned(train: Split, validation: Split, seed: int) -> tuple[Predict, float]:
    """MiniLM, all of whose weights were trained further, in 300 steps of 16 texts."""
    start, _ = minilm()
    with own_randomness(seed):
        bert = BERT(start.config)
        bert.load_state_dict(start.state_dict())
        model = SequenceClassifier(bert, 2, mean_of_tokens)
    read, labels = [row for row, _ in encoded(train[0], LONGEST)], torch.tensor(train[1])

    def batches(generator: Generator) -> tuple[Tensor, Tensor]:
        some = torch.randint(len(read), (16,), generator=generator)
        return _padded([read[i] for i in some]), labels[some]

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(model(batch[0]), batch[1])

    steps = 300
    usual = {"warmup_steps": steps // 10, "weight_decay": 0.01, "evaluate_every": steps}
    train_whole(model, loss, batches, TrainingConfig(steps=steps, learning_rate=1e-4, seed=seed, **usual))

    def predict(texts: Sequence[str]) -> Float[np.ndarray, " N"]:
        with evaluating(model), torch.inference_mode(), OneDNN():
            logits = _in_batches(model, [row for row, _ in encoded(texts, LONGEST)])
        return logits.softmax(dim=1)[:, 1].numpy()

    return predict, _megabytes(model)


def asked(train: Split, validation: Split, seed: int) -> tuple[Predict, float]:
    """SmolLM2, asked whether it was good or bad; only the threshold is fitted, on the validation texts."""
    model, tokenizer = load_smollm2()

    def log_odds(texts: Sequence[str]) -> Float[np.ndarray, " N"]:
        prompts = [f"Review: {' '.join(text.split()[:LONGEST])}\nThe reviewer found the film" for text in texts]
        found = choice_log_probabilities(model, tokenizer, prompts, [(" bad", " good")] * len(texts))
        return np.array([good - bad for bad, good in found])

    middle = np.median(log_odds(validation[0]))
    return lambda texts: expit(log_odds(texts) - middle), _megabytes(model)


FIELD: dict[str, Fit] = {
    "TF-IDF": counted,
    "two bigram models": bigrams,
    "GRU": recurrent,
    "Transformer": transformer,
    "GPT": generator,
    "MiniLM, frozen": frozen,
    "MiniLM, fine-tuned": fine_tuned,
    "SmolLM2, asked": asked,
}
SEEDED = ("GRU", "Transformer")  # trained with several seeds; the other networks take too long for that


def _vocabulary(texts: Sequence[str], known: Container[str] | None = None) -> dict[str, int]:
    """The ids of the words that occur twice or more (and are known)."""
    counts = Counter(word for text in texts for word in words_of(text))
    kept = sorted(word for word, count in counts.items() if count > 1 and (known is None or word in known))
    return {word: number for number, word in enumerate(kept, start=FIRST)}


def _ids(text: str, vocabulary: dict[str, int]) -> list[int]:
    return [vocabulary.get(word, UNKNOWN) for word in words_of(text)[:LONGEST]]


def _padded(rows: Sequence[Sequence[int]]) -> Int[Tensor, "N T"]:
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=PADDING)


def _in_batches(compute: Callable[[Tensor], Tensor], rows: Sequence[Sequence[int]], size: int = 50) -> Tensor:
    """What is computed from each row, texts of similar length at once."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    found = [compute(_padded([rows[i] for i in order[start : start + size]])) for start in range(0, len(rows), size)]
    places = torch.empty(len(rows), dtype=torch.long)
    places[order] = torch.arange(len(rows))
    return torch.cat(found)[places]


def _megabytes(model: nn.Module) -> float:
    return sum(weight.numel() * weight.element_size() for weight in model.parameters()) / MEGA
