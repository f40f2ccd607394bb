"""Ours beside the peer on the same work, by turns in one process: `python3 course.py bench [NAME]`.

Each pair runs seven rounds (where one is long, as many as its benchmark says), ours and theirs in turn. Printed are
each one's median and range in seconds, and those of the rounds' ratios: above 1, ours is faster. A race gives
both the same time, and prints what they reach in it; `busy_machine` trains beside other programs.
"""

import copy
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator

import gensim
import nltk.lm
import numpy as np
import tokenizers
import torch
from bench_busy import busy_machine
from bench_evaluation import choosing
from bench_gpt import gpt2_step_gpu, gpt_race, gpt_step
from bench_llama import llama_cpp
from bench_pretrained import decoding, encoding, loading
from bench_retrieval import retrieval
from bench_serving import serving
from bench_speech import hearing
from helpers import duration, spread
from nltk.util import everygrams

from course_lib import data, embeddings
from course_lib.attention import causal_mask
from course_lib.ngrams import add_k, count_ngrams
from course_lib.recurrent import GRU
from course_lib.tokenizers import BPETokenizer, WordTokenizer
from course_lib.transformer import Transformer, TransformerConfig
from course_lib.translation import Pairs, pair_batches, tokenized, train_tokenizer, translation_loss


def neighbours() -> Iterator[tuple[str, Callable, Callable]]:
    """Ten nearest neighbours among GloVe's 400,000 words, for one word and for a hundred; the peer is gensim."""
    glove = data.glove()
    vectors = torch.from_numpy(glove.vectors)
    lengths = vectors.norm(dim=-1)  # gensim keeps them as well
    hundred = glove.index_to_key[:100]
    yield (
        "one word",
        lambda: embeddings.nearest_neighbours(vectors[10], vectors, 11, lengths),
        lambda: glove.most_similar(glove.index_to_key[10], topn=10),
    )
    yield (
        "a hundred words",
        lambda: embeddings.nearest_neighbours(vectors[:100], vectors, 11, lengths),
        lambda: [glove.most_similar(word, topn=10) for word in hundred],
    )


def analogies() -> Iterator[tuple[str, Callable, Callable]]:
    """506 questions on capitals among the 30,000 most frequent words; the peer is gensim."""
    glove = data.glove()
    asked = [[word.lower() for word in question] for question in data.analogies()["capital-common-countries"]]
    rows = torch.tensor([[glove.key_to_index[word] for word in question[:3]] for question in asked])
    frequent = torch.from_numpy(glove.vectors[:30_000])

    def theirs() -> None:
        for a, b, c, _ in asked:
            glove.most_similar(positive=[b, c], negative=[a], topn=1, restrict_vocab=30_000)

    yield "506 questions", lambda: embeddings.analogy(frequent, rows), theirs


def tokenizer_training() -> Iterator[tuple[str, Callable, Callable]]:
    """8,000 merges learned from all of Shakespeare, one thread each; the peer is Hugging Face's tokenizers."""
    text = data.shakespeare()
    yield "8,000 merges", lambda: BPETokenizer.train(text, vocab_size=8256), lambda: _peer_tokenizer(text, 8256)


def tokenizer_encoding() -> Iterator[tuple[str, Callable, Callable]]:
    """All of Shakespeare, speech by speech, with 8,000 merges, one thread each; the peer takes the batch at once."""
    text = data.shakespeare()
    ours, theirs = BPETokenizer.train(text, vocab_size=8256), _peer_tokenizer(text, 8256)
    speeches = re.findall(r"(?s).+?(?:\n\n+|$)", text)
    yield (
        f"{len(text) / 1e6:.1f} MB",
        lambda: [ours.encode(speech) for speech in speeches],
        lambda: [encoding.ids for encoding in theirs.encode_batch_fast(speeches)],
    )


def _peer_tokenizer(text: str, vocab_size: int) -> tokenizers.Tokenizer:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # ours has one thread as well
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def skipgram() -> Iterator[tuple[str, Callable, Callable]]:
    """One epoch over 1 million words of reviews, two threads each, the same settings; the peer is gensim's Word2Vec."""
    torch.set_num_threads(2)
    sentences, total = [], 0
    for text, _ in data.movie_reviews("imdb")["train"]:
        sentences.append(re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower()))
        if (total := total + len(sentences[-1])) > 1_000_000:
            break
    settings = {"vector_size": 100, "window": 5, "negative": 5, "sample": 1e-3, "sg": 1, "epochs": 1, "min_count": 5}
    theirs = gensim.models.Word2Vec(**settings, workers=2)
    theirs.build_vocab(sentences)
    numbers = theirs.wv.key_to_index
    documents = [[numbers[word] for word in sentence if word in numbers] for sentence in sentences]
    config = embeddings.SkipGramConfig(d_embed=100, window=5, negatives=5, subsample=1e-3, epochs=1)
    yield (
        f"{total / 1e6:.1f}M words",
        lambda: embeddings.train_skipgram(documents, len(numbers), config),
        lambda: theirs.train(sentences, total_examples=len(sentences), epochs=1),
    )


def ngrams() -> Iterator[tuple[str, Callable, Callable]]:
    """Counting 3-grams of words and scoring held-out plays with add-one; the peer is nltk.lm (plain Python)."""
    words = {split: WordTokenizer.words(data.shakespeare(split)) for split in ("train", "validation")}
    train, held_out = words["train"][:200_000], words["validation"][:20_000]
    numbers = {word: number for number, word in enumerate([*dict.fromkeys(train), "<unk>"])}
    x, y = (np.array([numbers.get(word, numbers["<unk>"]) for word in part]) for part in (train, held_out))

    def theirs() -> float:
        model = nltk.lm.Laplace(3)
        model.fit([everygrams(train, max_len=3)], vocabulary_text=train)
        return model.entropy(list(everygrams(held_out, 3, 3)))

    yield (
        "200,000 words, and 20,000 scored",
        lambda: add_k(count_ngrams(x, len(numbers), 3), 1).log_probabilities(y),
        theirs,
    )


def recurrent() -> Iterator[tuple[str, Callable, Callable]]:
    """Forward and backward over a batch of 32 texts of 128 steps; the peer is torch.nn.GRU with the same weights."""
    torch.manual_seed(0)
    theirs = torch.nn.GRU(256, 256, batch_first=True)
    ours = GRU(256, 256)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(32, 128, 256, requires_grad=True)  # as behind an embedding, whose vectors need gradients too

    def learn(layer: torch.nn.Module) -> None:
        layer.zero_grad()
        layer(x)[0].square().mean().backward()

    yield "32 x 128 steps, d_hidden 256", lambda: learn(ours), lambda: learn(theirs)


def transformer_step() -> Iterator[tuple[str, Callable, Callable]]:
    """A step of training on a batch of the Folio task, the first weights the same; the peer is torch.nn.Transformer."""
    pairs = data.folio_pairs()["train"][:5000]
    tokenizer = train_tokenizer(pairs, 2000)
    config = TransformerConfig(vocab_size=tokenizer.vocab_size, dropout=0)
    for batch_tokens in (1024, 8192):
        draw = pair_batches(tokenized(tokenizer, pairs), batch_tokens=batch_tokens)
        batch = draw(torch.Generator().manual_seed(0))
        torch.manual_seed(0)
        ours = Transformer(config)
        yield f"{batch_tokens:,} tokens", _training_step(ours, batch), _training_step(_PeerTransformer(ours), batch)


class _PeerTransformer(torch.nn.Module):
    """The same model from nn.Transformer, with our embeddings and positions; its blocks draw their own weights."""

    def __init__(self, ours: Transformer) -> None:
        super().__init__()
        config = ours.config
        self.vectors, self.positions = copy.deepcopy(ours.embedding), ours.positions
        self.scale = config.d_model**0.5
        sizes = {"d_model": config.d_model, "nhead": config.n_heads, "dim_feedforward": config.d_ff}
        layers = {"num_encoder_layers": config.n_encoder_layers, "num_decoder_layers": config.n_decoder_layers}
        with warnings.catch_warnings(action="ignore"):  # of a path for inference that norm_first rules out
            self.blocks = torch.nn.Transformer(**sizes, **layers, dropout=0.0, norm_first=True, batch_first=True)

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        x, y = (self.positions(self.vectors(tokens) * self.scale) for tokens in (source, target))
        padding, later = source == 0, ~causal_mask(target.shape[1])
        out = self.blocks(x, y, tgt_mask=later, src_key_padding_mask=padding, memory_key_padding_mask=padding)
        return torch.nn.functional.linear(out, self.vectors.weight)


def _training_step(model: torch.nn.Module, batch: Pairs) -> Callable[[], None]:
    loss, optimise = translation_loss(), torch.optim.AdamW(model.parameters(), lr=1e-3)

    def step() -> None:
        optimise.zero_grad()
        loss(model, batch).backward()
        optimise.step()

    return step


BENCHMARKS = {
    "neighbours": neighbours,
    "analogies": analogies,
    "tokenizer_training": tokenizer_training,
    "tokenizer_encoding": tokenizer_encoding,
    "skipgram": skipgram,
    "ngrams": ngrams,
    "recurrent": recurrent,
    "transformer_step": transformer_step,
    "gpt_step": gpt_step,
    "gpt2_step_gpu": gpt2_step_gpu,
    "loading": loading,
    "decoding": decoding,
    "encoding": encoding,
    "hearing": hearing,
    "llama_cpp": llama_cpp,
    "choosing": choosing,
    "retrieval": retrieval,
    "serving": serving,
}
RACES = {"gpt_race": gpt_race, "busy_machine": busy_machine}
ROUNDS = 7


def main(names: list[str]) -> int:
    """Returns the exit code: 0, or 2 for an unknown name."""
    if unknown := set(names) - BENCHMARKS.keys() - RACES.keys():
        known = ", ".join([*BENCHMARKS, *RACES])
        print(f"no benchmark is called {sorted(unknown)[0]!r}; there are {known}", file=sys.stderr)
        return 2
    print(f"{'work':34}{'ours, s':>24}{'peer, s':>24}{'ratio':>18}")
    for name in names or [*BENCHMARKS, *RACES]:
        if name in RACES:
            RACES[name]()
            continue
        for work, ours, theirs in BENCHMARKS[name]():
            ours(), theirs()  # warm up: caches and first calls are not the work
            rounds = getattr(BENCHMARKS[name], "rounds", ROUNDS)
            mine, peer = zip(*((duration(ours), duration(theirs)) for _ in range(rounds)), strict=True)
            ratios = [p / m for m, p in zip(mine, peer, strict=True)]
            figures = f"{spread(mine, 3):>24}{spread(peer, 3):>24}{spread(ratios, 1):>18}"
            print(f"{f'{name}, {work}':34}{figures}", flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except data.DataError as error:
        sys.exit(str(error))
