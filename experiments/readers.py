"""What gives a text its label, fitted on labelled texts: words counted, convolutions, a pretrained encoder.

Axes: N texts, T position, C width, L labels.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from course_lib import data
from course_lib.bert import BERT, SequenceClassifier, mean_of_tokens
from course_lib.linear import OneDNN
from course_lib.pretrained import load_minilm
from course_lib.runtime import evaluating, own_randomness
from course_lib.training import TrainingConfig
from experiments.shared import train_whole

__all__ = [
    "CHOICES",
    "TextCNN",
    "convolved",
    "counted",
    "encoded",
    "fine_tuned",
    "logistic",
    "minilm",
    "states_of",
]

CHOICES = (0.03, 0.1, 0.3, 1, 3, 10, 30)  # C, the inverse strength of the penalty
Texts = Sequence[str] | Sequence[tuple[str, str]]
Labels = Int[np.ndarray, "..."]
Split = tuple[Texts, Labels]  # texts, or questions with their passages, and their labels
Rows = list[tuple[list[int], list[int]]]  # ids and segments


def counted(
    train: Split,
    validation: Split,
    test: Split,
    ngrams: int = 2,
    characters: bool = False,
    weights: str = "tf-idf",
    choices: Sequence[float | int] = CHOICES,
) -> tuple[Labels, Labels]:
    """What counts of words predict of the validation and the test texts: TF-IDF, then logistic regression.

    C is the one of `choices` that is right most often on the validation texts. With `weights` "naive Bayes", each count
    is multiplied by how much more probable it is in texts of label 1 (Wang and Manning, 2012).
    """
    analyser = "char_wb" if characters else "word"
    range_ = (2, 5) if characters else (1, ngrams)
    pattern = r"(?u)\b\w+\b|[^\w\s]"
    vectorizer = TfidfVectorizer(
        analyzer=analyser,
        ngram_range=range_,
        token_pattern=None if characters else pattern,
        sublinear_tf=weights == "tf-idf",
        binary=weights != "tf-idf",
        use_idf=weights == "tf-idf",
        norm="l2" if weights == "tf-idf" else None,
    )
    joined = [
        [text if isinstance(text, str) else " ".join(text) for text in texts] for texts, _ in (train, validation, test)
    ]
    features = [vectorizer.fit_transform(joined[0]), *map(vectorizer.transform, joined[1:])]
    if weights == "naive Bayes":
        liked = train[1] == 1
        counts = [np.asarray(features[0][chosen].sum(axis=0)).ravel() + 1 for chosen in (liked, ~liked)]
        ratio = np.log(counts[0] / counts[0].sum()) - np.log(counts[1] / counts[1].sum())
        features = [matrix.multiply(ratio).tocsr() for matrix in features]
    return logistic(*features, train[1], validation[1], choices)


def logistic(
    train: Any,
    validation: Any,
    test: Any,
    labels: Labels,
    validation_labels: Labels,
    choices: Sequence[float | int] = CHOICES,
    scaled: bool = False,
) -> tuple[Labels, Labels]:
    """What logistic regression on features predicts of the validation and the test texts, C chosen on the former."""
    best, right = None, -1.0
    for c in choices:
        model = LogisticRegression(C=c, max_iter=400)
        model = make_pipeline(StandardScaler(), model) if scaled else model
        model.fit(train, labels)
        share = float((model.predict(validation) == validation_labels).mean())
        if share > right:
            best, right = model, share
    return best.predict(validation), best.predict(test)


class TextCNN(nn.Module):
    """Kim (2014): filters of several widths slide over a sentence's words; the largest value of each decides.

    Trained with dropout; the words' vectors are trained, too.
    """

    def __init__(
        self, vectors: Float[Tensor, "V C"], n_labels: int, widths: Sequence[int] = (3, 4, 5), n_filters: int = 100
    ):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(vectors.clone(), freeze=False, padding_idx=0)
        self.filters = nn.ModuleList(nn.Conv1d(vectors.shape[1], n_filters, width) for width in widths)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(n_filters * len(widths), n_labels)

    def forward(self, tokens: Int[Tensor, "N T"]) -> Float[Tensor, "N L"]:
        x = self.embedding(tokens).mT  # (N, C, T)
        strongest = [F.relu(filters(x)).amax(dim=2) for filters in self.filters]
        return self.output(self.dropout(torch.cat(strongest, dim=1)))


def words_of(text: str) -> list[str]:
    """Words and punctuation marks."""
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)?|[^\w\s]", text.lower())


def _word_ids(splits: Sequence[Texts]) -> tuple[list[Tensor], Tensor]:
    """The words of each split's texts as ids, padded with 0 to five words at least; and the vectors of the ids."""
    known = sorted({word for texts in splits for text in texts for word in words_of(text)})
    glove = data.glove()
    words = [word for word in known if word in glove]
    ids = {word: number for number, word in enumerate(words, start=1)}
    padded = []
    for texts in splits:
        rows = [[ids[word] for word in words_of(text) if word in ids] for text in texts]
        rows = [torch.tensor(row + [0] * max(5 - len(row), 0)) for row in rows]
        padded.append(pad_sequence(rows, batch_first=True))
    return padded, torch.cat([torch.zeros(1, glove.vector_size), torch.tensor(glove[words])])


def convolved(
    train: Split, validation: Split, test: Split, seed: int, pretrained: bool = True
) -> tuple[Labels, Labels]:
    """What a TextCNN over GloVe's vectors predicts, or over random ones; its passes chosen on validation."""
    padded, vectors = _word_ids([texts for texts, _ in (train, validation, test)])
    if not pretrained:
        drawn = torch.randn(vectors.shape, generator=Generator().manual_seed(seed))
        vectors = drawn * vectors[1:].std()
        vectors[0] = 0
    with own_randomness(seed):
        model = TextCNN(vectors, 2)
    labels = torch.tensor(train[1])
    n = len(labels)
    steps = max(150, 8 * n // 50)

    def batches(generator: Generator) -> tuple[Tensor, Tensor]:
        some = torch.randint(n, (50,), generator=generator)
        longest = int((padded[0][some] != 0).sum(dim=1).max().clamp(min=5))
        return padded[0][some, :longest], labels[some]

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(model(batch[0]), batch[1])

    def predicted(model: nn.Module, tokens: Tensor) -> Labels:
        return np.concatenate([model(some).argmax(dim=1).numpy() for some in tokens.split(200)])

    def evaluate(model: nn.Module) -> float:
        return float((predicted(model, padded[1]) != validation[1]).mean())

    config = TrainingConfig(steps=steps, learning_rate=1e-3, evaluate_every=max(steps // 10, 1), seed=seed)
    history = train_whole(model, loss, batches, config, evaluate=evaluate)
    model.load_state_dict(history.best_weights)
    with evaluating(model), torch.no_grad():
        return predicted(model, padded[1]), predicted(model, padded[2])


@cache
def minilm() -> tuple:
    """MiniLM and its tokenizer; whoever trains it takes a copy."""
    return load_minilm()


def encoded(texts: Texts, longest: int) -> Rows:
    """What MiniLM reads of texts, or of pairs of them."""
    _, tokenizer = minilm()
    return [tokenizer.sequence(*([text] if isinstance(text, str) else text), longest=longest) for text in texts]


def _padded(rows: Rows) -> tuple[Tensor, Tensor]:
    return tuple(pad_sequence([torch.tensor(row[part]) for row in rows], batch_first=True) for part in (0, 1))


def _in_batches(rows: Rows, size: int = 32) -> list[list[int]]:
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]))
    return [order[start : start + size] for start in range(0, len(order), size)]


def states_of(bert: BERT, rows: Rows) -> Float[np.ndarray, "N layers C"]:
    """For each text, the mean state of its tokens in the embeddings and after each block."""
    means = torch.empty(len(rows), bert.config.n_layers + 1, bert.config.d_model)
    with evaluating(bert), torch.inference_mode(), OneDNN():
        for some in _in_batches(rows):
            tokens, segments = _padded([rows[i] for i in some])
            means[some] = torch.stack([mean_of_tokens(layer, tokens) for layer in bert.layers(tokens, segments)], dim=1)
    return means.numpy()


def fine_tuned(
    train: tuple[Rows, Labels],
    test: Rows,
    passes: int,
    rate: float,
    seed: int,
    pretrained: bool = True,
    batch_size: int = 16,
) -> Labels:
    """What MiniLM with a new head predicts after all its layers were trained, or the same network from random weights.

    `passes` is the number of texts read in training, repeats counted.
    """
    rows, labels = train[0], torch.tensor(train[1])
    start, _ = minilm()
    with own_randomness(seed):
        bert = BERT(start.config)
        if pretrained:
            bert.load_state_dict(start.state_dict())
        model = SequenceClassifier(bert, 2, mean_of_tokens)

    def batches(generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        drawn = torch.randint(len(rows), (4 * batch_size,), generator=generator).tolist()
        drawn.sort(key=lambda i: len(rows[i][0]))  # texts of one length in a batch: little padding
        quarter = int(torch.randint(4, (), generator=generator)) * batch_size
        some = drawn[quarter : quarter + batch_size]
        return *_padded([rows[i] for i in some]), labels[some]

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(model(*batch[:2]), batch[2])

    steps = passes // batch_size
    usual = {"warmup_steps": steps // 10, "weight_decay": 0.01, "evaluate_every": steps}
    train_whole(model, loss, batches, TrainingConfig(steps=steps, learning_rate=rate, seed=seed, **usual))
    predicted = np.empty(len(test), dtype=int)
    with evaluating(model), torch.inference_mode(), OneDNN():
        for some in _in_batches(test):
            predicted[some] = model(*_padded([test[i] for i in some])).argmax(dim=1).numpy()
    return predicted
