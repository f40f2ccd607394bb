"""Exercises of the notebook fine_tuning."""

import random

import torch
from course_lib import files
from experiments import readers
from experiments.tables import fine_tuning as table
from torch import Generator
from torch.nn import functional as F

from classroom.answers import Mistake
from classroom.exercise import case, exercise, experiment

__all__ = ["bag_of_words", "balanced_accuracy", "convolve", "fit", "negated_praise", "piece_labels"]


def _random(seed, *shape):
    return torch.randn(shape, generator=Generator().manual_seed(seed))


def _windows(x, width):
    return x.unfold(0, width, 1).mT  # (T - width + 1, width, C)


def _products(windows, weight):
    return torch.einsum("twc,kwc->tk", windows, weight)


def _texts(seed, length, width, filters=3, channels=5):
    return _random(seed, length, channels), _random(seed + 1, filters, width, channels), _random(seed + 2, filters)


@exercise(
    praise="by hand, and equal to PyTorch's.",
    cases=lambda seed: [
        (torch.tensor([[1.0, 0], [0, 1], [2, 2]]), torch.tensor([[[1.0, 1], [1, 0]]]), torch.tensor([0.5])),
        _texts(seed, 9, 3),
        _texts(seed + 7, 6, 2, 4),
        case(*_texts(seed, 4, 4), edge="a text as long as the filter"),
        case(*_texts(seed, 5, 1), edge="a filter for one word"),
    ],
    wrong={
        "the filter runs backwards: row 0 of a filter meets the first word of the window.": {
            "products": lambda windows, weight: _products(windows, weight.flip(1))
        },
        "the bias is missing.": {"bias_of": lambda bias: 0 * bias},
        "the bias is subtracted: add it.": {"bias_of": lambda bias: -bias},
        "this takes the mean of the products of a window: take their sum.": {
            "products": lambda windows, weight: _products(windows, weight) / weight[0].numel()
        },
        "only the first word of each window is used: all of its words meet the filter's rows.": {
            "products": lambda windows, weight: _products(windows[:, :1], weight[:, :1])
        },
        "negative results are cut off: the ReLU comes later.": {"end": torch.relu},
        "this is the maximum over the positions already: return the result of every window.": {"end": lambda y: y.amax(0)},
        "filters and positions are swapped: a row per window, a column per filter.": {"end": lambda y: y.mT},
        "the last window is missing: a text of T words has T - width + 1 windows.": {"end": lambda y: y[:-1]},
        "the text is padded: only whole windows count.": {"windows": lambda x, width: _windows(torch.cat([x, x.new_zeros(width - 1, x.shape[1])]), width)},
    },
)
def convolve(x, weight, bias, *, windows=_windows, products=_products, bias_of=lambda bias: bias, end=lambda y: y):
    """Each window of words times each filter: x (T, C), weight (K, width, C), bias (K,); the result is (T - width + 1, K)."""
    return end(products(windows(x, weight.shape[1]), weight) + bias_of(bias))


KINDS = {"not": 0, "never": 0, "hardly": 0, "good": 1, "great": 1, "funny": 1}
SENTENCES = ("not good", "good", "not", "good not", "not very good", "it is never great", "great not funny", "the film", "not not", "good great")


def _fires(design):
    """From a filter and its bias to whether it fires in a sentence."""

    def fires(sentence):
        made = design()
        try:
            weight, bias = (torch.as_tensor(part, dtype=torch.float) for part in made)
        except (TypeError, ValueError):
            raise Mistake("two things are expected: the filter's weights and its bias.") from None
        if weight.shape != (2, 3):
            raise Mistake(f"the filter has the shape (2, 3), a row per word, but yours has {tuple(weight.shape)}.")
        if bias.numel() != 1:
            raise Mistake("the bias is one number.")
        if not (weight.isfinite().all() and bias.isfinite().all()):
            raise Mistake("weights and bias must be finite numbers.")
        kinds = torch.tensor([KINDS.get(word, 2) for word in sentence.split()])
        x = torch.cat([F.one_hot(kinds, 3).float(), torch.zeros(1, 3)])  # a place of padding: one word is a window, too
        return bool((convolve.right(x, weight[None], bias.reshape(1)) > 0).any())

    return fires


def _in_pieces(seed):
    dice = random.Random(seed)
    labels = dice.choices(range(4), k=dice.randint(3, 6))
    return labels, [None, *(word for word in range(len(labels)) for _ in range(dice.randint(1, 3))), None]


@exercise(
    kind="design",
    through=_fires,
    praise="a negation and praise right after it, and nothing else.",
    cases=lambda seed: [(sentence,) for sentence in SENTENCES],
    wrong={
        "it fires at a negation alone, or at praise alone: the bias must be so low that only both together pass it.": {"bias": -0.5},
        "it never fires: the bias is lower than what both words give together.": {"bias": -2.5},
        "it fires where the bias alone decides: in sentences that have neither word.": {"bias": 0.5},
        "it fires at *good not*, where the praise comes first: row 0 of the filter meets the first word.": {"rows": (1, 0)},
        "it fires at praise, whatever stands before it: the negation needs a weight, too.": {"negation": 2.0, "bias": -0.5, "rows": (None, 1)},
        "it fires at a negation, whatever comes after it: the praise needs a weight, too.": {"negation": 2.0, "bias": -0.5, "rows": (0, None)},
    },
)
def negated_praise(*, negation=1.0, praise=1.0, bias=-1.5, rows=(0, 1)):
    """A filter (2, 3) over two words and its bias; each word is (1, 0, 0) if a negation, (0, 1, 0) if praise, else (0, 0, 1)."""
    weight = torch.zeros(2, 3)
    for row, column, value in ((rows[0], 0, negation), (rows[1], 1, praise)):
        if row is not None:
            weight[row, column] = value
    return weight, bias


@exercise(
    praise="one label per word, and the loss leaves the other pieces out.",
    cases=lambda seed: [
        ([0, 2, 1], [None, 0, 1, 1, 2, None]),
        ([3, 0], [None, 0, 0, 0, 1, None, None, None]),
        ([1, 2, 3, 0], [None, 0, 1, 2, 2, 3, 3, None]),
        _in_pieces(seed),
        case([1], [None, 0, 0, None], edge="a text of one word"),
    ],
    wrong={
        "every piece of a word gets its label: a long word would count several times. Only the first piece has one.": {"which": lambda n, words: True},
        "the last piece of a word gets its label: give it to the first.": {"which": lambda n, words: words[n + 1] != words[n]},
        "special tokens get the label 0, as if they were words without a role: -100 leaves them out.": {"special": 0},
        "later pieces get the label 0, as if they were words without a role: -100 leaves them out.": {"later": 0},
        "special tokens and later pieces get the label 0: -100 leaves them out.": {"special": 0, "later": 0},
        "what is left out is -1 here: PyTorch's cross-entropy leaves out -100.": {"special": -1, "later": -1},
        "the special tokens are dropped: each piece needs a label, as the model gives logits for each.": {"drop": True},
        "these are the numbers of the words: look up their labels.": {"look_up": lambda labels, word: word},
    },
)
def piece_labels(
    word_labels,
    words,
    *,
    which=lambda n, words: words[n] != words[n - 1],
    special=-100,
    later=-100,
    drop=False,
    look_up=lambda labels, word: labels[word],
):
    """A label for each piece: its word's if it is the first piece of it, else -100; `words` has the word's number, None for special tokens."""
    labels = []
    for n, word in enumerate(words):
        if word is None:
            labels += [] if drop else [special]
        else:
            labels.append(look_up(word_labels, word) if which(n, words) else later)
    return labels


def _batches(seed, n, channels=3, rows=8):
    x = _random(seed, n, rows, channels)
    y = (x @ torch.linspace(-1, 2, channels) + 0.5 * _random(seed + 1, n, rows) > 0).float()
    return list(zip(x, y, strict=True))


def _fresh_each_batch(weight, batches):
    """The exercise as it is found: a new Adam for each batch, which knows no earlier gradient."""
    weight = weight.clone().requires_grad_()
    for x, y in batches:
        optimiser = torch.optim.Adam([weight], lr=0.1)
        loss = F.binary_cross_entropy_with_logits(x @ weight, y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return weight.detach()


@exercise(
    kind="debug",
    found=_fresh_each_batch,
    praise="one optimiser for the whole run: its means of the gradients live on from batch to batch.",
    cases=lambda seed: [
        (torch.zeros(3), _batches(seed, 6)),
        (_random(seed, 4), _batches(seed + 2, 9, 4)),
        case(torch.zeros(3), _batches(seed, 2), edge="two batches"),
    ],
    wrong={
        "the gradients of all batches add up: zero_grad before each backward pass.": {"zero": "never"},
        "the gradients are set to zero before the step: the weights do not move.": {"zero": "before step"},
        "this is plain gradient descent: keep Adam.": {"kind": torch.optim.SGD},
        "the learning rate is another: keep 0.1.": [{"rate": 0.01}, {"rate": 0.001}],
        "the step is taken only after the last batch.": {"once": True},
        "the first batch alone is read.": lambda weight, batches: fit.right(weight, batches[:1]),
    },
)
def fit(weight, batches, *, kind=torch.optim.Adam, rate=0.1, zero="first", once=False):
    """The weights of a logistic regression after one Adam step per batch (x, y)."""
    weight = weight.clone().requires_grad_()
    optimiser = kind([weight], lr=rate)
    for n, (x, y) in enumerate(batches):
        if zero == "first":
            optimiser.zero_grad()
        F.binary_cross_entropy_with_logits(x @ weight, y).backward()
        if zero == "before step":
            optimiser.zero_grad()
        if not once or n == len(batches) - 1:
            optimiser.step()
    return weight.detach()


def _recalls(truth, predicted, labels):
    return torch.stack([(predicted[truth == label] == label).double().mean() for label in labels])


def _precisions(truth, predicted):
    return torch.stack([(truth[predicted == label] == label).double().mean() for label in predicted.unique()])


def _drawn(seed, share, n=40):
    g = Generator().manual_seed(seed)
    return (torch.rand(n, generator=g) < share).long(), torch.randint(2, (n,), generator=g)


@exercise(
    form=float,
    praise="one half for an answer that is always the same.",
    cases=lambda seed: [
        (torch.tensor([1, 1, 1, 0]), torch.tensor([1, 1, 0, 0])),
        _drawn(seed, 0.9),
        (_drawn(seed, 0.5)[0] + _drawn(seed + 1, 0.5)[0], _drawn(seed, 0.5)[1] + 1),
        case(torch.tensor([1, 1, 1, 1, 0]), torch.ones(5, dtype=torch.long), edge="one answer for all"),
    ],
    wrong={
        "this is the plain accuracy: here each label counts equally, however many texts have it.": lambda truth, predicted: (
            (truth == predicted).double().mean()
        ),
        "these are precisions: divide by how many texts *have* a label, not by how many are given it.": lambda truth, predicted: _precisions(
            truth, predicted
        ).mean(),
        "this is the share found of label 1 alone: take the mean over all labels.": {"labels": lambda truth: torch.tensor([1])},
        "a third label is forgotten: take the labels from the truth.": {"labels": lambda truth: torch.tensor([0, 1])},
        "this is the sum over the labels: take the mean.": {"mean": lambda recalls: recalls.sum()},
        "this is the worst label's share: take the mean.": {"mean": lambda recalls: recalls.min()},
    },
)
def balanced_accuracy(truth, predicted, *, labels=lambda truth: truth.unique(), mean=lambda recalls: recalls.mean()):
    """The mean over the labels of the share of a label's texts that get it."""
    return mean(_recalls(truth, predicted, labels(truth)).nan_to_num(0))


WEIGHTS = ("tf-idf", "binary", "naive Bayes")


def _stored():
    rows = files.load_results("fine_tuning")["rows"]
    counted = ("TF-IDF", "naive Bayes")
    return [(row["system"], row["validation"]) for row in rows if row["labelled"] == table.ALL and row["system"].startswith(counted)]


@experiment(
    goal=0.772,
    unit="accuracy on the validation sentences",
    lower_is_better=False,
    stored=_stored,
    advice={
        "naive Bayes weights: each count times how much more probable it is in liked texts.": lambda choice: choice["weights"] != "naive Bayes",
        "groups of letters, which see the stem of a word that training never had.": lambda choice: not choice["characters"],
        "a weaker penalty (a larger C).": lambda choice: choice["C"] < 0.3,
        "a stronger penalty (a smaller C).": lambda choice: True,
    },
    wrong={
        "naive Bayes weights": lambda: _choice(weights="tf-idf"),
        "groups of letters": lambda: _choice(characters=False),
        "a weaker penalty": lambda: _choice(C=0.01),
        "weights is one of tf-idf, binary, naive Bayes, but yours is 'counts'.": lambda: _choice(weights="counts"),
        "ngrams is a whole number from 1 to 3, but yours is 5.": lambda: _choice(ngrams=5),
        "C is a number from 0.001 to 1000, but yours is 0.": lambda: _choice(C=0),
        "characters is True or False, but yours is 'yes'.": lambda: _choice(characters="yes"),
        "a dictionary with ngrams, characters, weights, C is expected": lambda: {"C": 1},
    },
)
def bag_of_words(choice, seed):
    """Settings of a bag of words: what is counted, how it is weighted, and the strength of the penalty."""
    if not isinstance(choice, dict) or set(choice) != {"ngrams", "characters", "weights", "C"}:
        raise Mistake("a dictionary with ngrams, characters, weights, C is expected, and nothing else.")
    if choice["weights"] not in WEIGHTS:
        raise Mistake(f"weights is one of {', '.join(WEIGHTS)}, but yours is {choice['weights']!r}.")
    if choice["ngrams"] not in (1, 2, 3):
        raise Mistake(f"ngrams is a whole number from 1 to 3, but yours is {choice['ngrams']}.")
    if not isinstance(choice["characters"], bool):
        raise Mistake(f"characters is True or False, but yours is {choice['characters']!r}.")
    try:
        c = float(choice["C"])
    except (TypeError, ValueError):
        c = 0.0
    if not 0.001 <= c <= 1000:
        raise Mistake(f"C is a number from 0.001 to 1000, but yours is {choice['C']}.")
    splits = [table.split("rotten_tomatoes", name) for name in ("train", "validation", "test")]
    chosen, _ = readers.counted(*splits, choice["ngrams"], choice["characters"], choice["weights"], choices=[c])
    return float((chosen == splits[1][1]).mean())


def _choice(ngrams=2, characters=True, weights="naive Bayes", C=1.0):
    return {"ngrams": ngrams, "characters": characters, "weights": weights, "C": C}
