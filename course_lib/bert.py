"""BERT, which reads a whole text at once: the encoder, its training by masked tokens, and classifiers upon it.

Axes: B batch, T position, C d_model, V vocabulary, L labels, N texts. Token 0 is padding, in every text.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention import MultiHeadAttention
from course_lib.linear import Embedding, OneDNN
from course_lib.losses import IGNORED, mean_over
from course_lib.positions import LearnedPositions
from course_lib.runtime import evaluating
from course_lib.shapes import require_tensor
from course_lib.transformer import PostNorm
from course_lib.validation import require, require_divides, require_integer, require_number, require_sizes, rows_of_ids

__all__ = [
    "BERT",
    "BERTConfig",
    "MaskedLM",
    "SequenceClassifier",
    "TokenClassifier",
    "first_token",
    "mask_tokens",
    "masked_token_loss",
    "mean_of_tokens",
    "sentence_vectors",
]

PAD = 0
Tokens = Int[Tensor, "B T"]
Pool = Callable[[Tensor, Tensor], Tensor]  # from states (B, T, C) and tokens (B, T) to vectors (B, C)


@dataclass(frozen=True, kw_only=True)
class BERTConfig:
    """The sizes of a BERT. Raises ValueError for an invalid one."""

    vocab_size: int  # different tokens; token 0 is padding
    context_length: int = 128  # maximum number of tokens of a text
    d_model: int = 128  # width of the stream between the blocks
    n_layers: int = 4  # blocks
    n_heads: int = 4
    d_ff: int = 512  # width of the feed-forward's hidden layer
    n_segments: int = 2  # kinds of text in one row: a question and its passage, for example
    dropout: float | int = 0.1  # in training, of the embeddings and of each sublayer's output
    norm_eps: float = 1e-12  # added to the variance that LayerNorm divides by

    def __post_init__(self) -> None:
        require_sizes(self, "vocab_size", "context_length", "d_model", "n_layers", "n_heads", "d_ff", "n_segments")
        require_divides(n_heads=self.n_heads, d_model=self.d_model)
        require_number("dropout", self.dropout, at_least=0, below=1)
        require_number("norm_eps", self.norm_eps, above=0, below=1)


class Block(nn.Module):
    """Self-attention, then W_2 gelu(W_1 x + b_1) + b_2, each in norm(x + dropout(sublayer(x)))."""

    def __init__(self, config: BERTConfig) -> None:
        super().__init__()
        c, d_ff = config.d_model, config.d_ff
        self.attention = MultiHeadAttention(c, config.n_heads)
        self.feed_forward = nn.Sequential(nn.Linear(c, d_ff), nn.GELU(), nn.Linear(d_ff, c))
        self.residuals = nn.ModuleList(PostNorm(c, config.dropout, config.norm_eps) for _ in range(2))

    def forward(self, x: Float[Tensor, "B T C"], mask: Bool[Tensor, "B 1 1 T"] | None) -> Float[Tensor, "B T C"]:
        around_attention, around_feed_forward = self.residuals
        x = around_attention(x, lambda x: self.attention(x, mask=mask))
        return around_feed_forward(x, self.feed_forward)


class BERT(nn.Module):
    """Devlin et al. (2019), section 3: a state for each token, computed from the whole text; padding is never seen.

    Token, position and segment vectors are summed and normalised; the blocks normalise after each sum, as in 2017. GELU
    is the exact one. Unlike the paper, attention weights have no dropout. Initialised as in appendix A.2: weights
    normal with standard deviation 0.02, biases 0.

    >>> BERT(BERTConfig(vocab_size=11))(torch.tensor([[1, 2, 3], [1, 2, 0]])).shape
    torch.Size([2, 3, 128])
    """

    def __init__(self, config: BERTConfig) -> None:
        super().__init__()
        require(isinstance(config, BERTConfig), "config must be a BERTConfig", config)
        self.config, c = config, config.d_model
        self.embedding, self.segments = Embedding(config.vocab_size, c), Embedding(config.n_segments, c)
        self.positions = LearnedPositions(config.context_length, c)
        self.norm, self.dropout = nn.LayerNorm(c, config.norm_eps), nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.apply(_initialise)

    def forward(self, tokens: Tokens, segments: Tokens | None = None) -> Float[Tensor, "B T C"]:
        return self.layers(tokens, segments)[-1]

    def layers(self, tokens: Tokens, segments: Tokens | None = None) -> list[Float[Tensor, "B T C"]]:
        """The embeddings and the states after each block, the last of which forward returns.

        Without segments, all tokens are of segment 0.
        """
        require_tensor("tokens", tokens, "batch", "time", integers=True)
        segments = torch.zeros_like(tokens) if segments is None else segments
        require_tensor("segments", segments, *tokens.shape, integers=True)
        x = self.positions(self.embedding(tokens)) + self.segments(segments)
        states, mask = [self.dropout(self.norm(x))], (tokens != PAD)[:, None, None]
        for block in self.blocks:
            states.append(block(states[-1], mask))
        return states


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


def mask_tokens(
    tokens: Tokens,
    mask_id: int,
    vocab_size: int,
    generator: torch.Generator,
    share: float | int = 0.15,
    special: Collection[int] = (PAD,),
) -> tuple[Tokens, Tokens]:
    """Inputs with gaps, and the targets there: Devlin et al. (2019), section 3.1 and appendix A.1.

    Each token except `special` ones is chosen with probability `share`. Of the chosen, 80% become the mask, 10% any
    token of the vocabulary, and 10% stay. Targets are the chosen tokens, and -100 elsewhere, which no loss counts.

    >>> mask_tokens(torch.tensor([[5, 6, 0]]), 3, 9, torch.Generator().manual_seed(2), share=1)
    (tensor([[3, 3, 0]]), tensor([[   5,    6, -100]]))
    """
    require_tensor("tokens", tokens, "batch", "time", integers=True)
    require_integer("vocab_size", vocab_size, at_least=1)
    require_integer("mask_id", mask_id, at_least=0, at_most=vocab_size - 1)
    require(isinstance(generator, torch.Generator), "generator must be a torch.Generator", generator)
    require_number("share", share, above=0, at_most=1)
    never = torch.tensor(rows_of_ids("special", [special], vocab_size)[0], device=tokens.device)
    drawn, kind = torch.rand(2, *tokens.shape, generator=generator, device=tokens.device)
    other = torch.randint(vocab_size, tokens.shape, generator=generator, device=tokens.device)
    chosen = (drawn < share) & ~torch.isin(tokens, never)
    inputs = torch.where(chosen & (kind < 0.8), mask_id, tokens)
    return torch.where(chosen & (kind >= 0.9), other, inputs), torch.where(chosen, tokens, IGNORED)


class MaskedLM(nn.Module):
    """BERT with its head: the logits of the token at each position, which the model reads too unless a mask hides it.

    The head is norm(gelu(W x + b)), then the product with each token's embedding, and a bias.

    >>> MaskedLM(BERTConfig(vocab_size=11))(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 11])
    """

    def __init__(self, config: BERTConfig) -> None:
        super().__init__()
        self.bert = BERT(config)
        self.config, c = config, config.d_model
        self.hidden, self.norm = nn.Linear(c, c), nn.LayerNorm(c, config.norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.hidden.apply(_initialise)

    def forward(self, tokens: Tokens, segments: Tokens | None = None) -> Float[Tensor, "B T V"]:
        return self.logits(self.bert(tokens, segments))

    def logits(self, states: Float[Tensor, "*B C"]) -> Float[Tensor, "*B V"]:
        """The head alone, of states anywhere: those at the gaps, for example."""
        require_tensor("states", states, "...", self.config.d_model)
        x = self.norm(F.gelu(self.hidden(states)))
        return F.linear(x, self.bert.embedding.weight, self.bias)


@mean_over(lambda batch: (batch[1] != IGNORED).sum())
def masked_token_loss(model: MaskedLM, batch: tuple[Tokens, Tokens]) -> Float[Tensor, ""]:
    """The mean of -ln p(token) over the gaps of a batch, in nats per token; 0 for a batch without gaps.

    A batch is what `mask_tokens` returns. Only the gaps' states go through the head, about a seventh of all.
    """
    require(isinstance(batch, tuple | list) and len(batch) == 2, "a batch must be a pair, inputs and targets", batch)
    require(isinstance(model, MaskedLM), "the model must be a MaskedLM", type(model).__name__)
    states, targets = model.bert(batch[0]), batch[1]
    require_tensor("targets", targets, *states.shape[:2], integers=True)
    gaps = targets != IGNORED
    total = F.cross_entropy(model.logits(states[gaps]), targets[gaps], reduction="sum")
    return total / gaps.sum().clamp(min=1)


def first_token(states: Float[Tensor, "B T C"], tokens: Tokens) -> Float[Tensor, "B C"]:
    """A text's vector: the state of its first token, [CLS] in BERT."""
    _require_states(states, tokens)
    return states[:, 0]


def mean_of_tokens(states: Float[Tensor, "B T C"], tokens: Tokens) -> Float[Tensor, "B C"]:
    """A text's vector: the mean state of its tokens, padding left out; zeros for a row of padding alone.

    >>> mean_of_tokens(torch.tensor([[[1.0], [2.0], [9.0]]]), torch.tensor([[4, 7, 0]]))
    tensor([[1.5000]])
    """
    _require_states(states, tokens)
    real = (tokens != PAD)[..., None]
    return (states * real).sum(dim=1) / real.sum(dim=1).clamp(min=1)


def _require_states(states: Any, tokens: Any) -> None:
    require_tensor("tokens", tokens, "batch", "time", integers=True)
    require_tensor("states", states, *tokens.shape, "width")


class SequenceClassifier(nn.Module):
    """The logits of a text's label: W_2 dropout(tanh(W_1 v + b_1)) + b_2, where `pool` makes v of the states.

    Devlin et al. (2019, section 4.1) with `first_token`, as Transformers' BertForSequenceClassification. It trains the
    BERT that it is given.

    >>> model = SequenceClassifier(BERT(BERTConfig(vocab_size=11)), n_labels=2)
    >>> model(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 2])
    """

    def __init__(self, bert: BERT, n_labels: int, pool: Pool = first_token) -> None:
        super().__init__()
        _require_bert(bert, n_labels)
        require(callable(pool), "pool must be a function of states and tokens", pool)
        self.bert, self.pool, c = bert, pool, bert.config.d_model
        self.hidden, self.dropout = nn.Linear(c, c), nn.Dropout(bert.config.dropout)
        self.output = nn.Linear(c, n_labels)
        for linear in (self.hidden, self.output):
            linear.apply(_initialise)

    def forward(self, tokens: Tokens, segments: Tokens | None = None) -> Float[Tensor, "B L"]:
        vectors = self.pool(self.bert(tokens, segments), tokens)
        return self.output(self.dropout(torch.tanh(self.hidden(vectors))))


class TokenClassifier(nn.Module):
    """The logits of each token's label: W dropout(x) + b. Devlin et al. (2019), section 4.1.

    >>> TokenClassifier(BERT(BERTConfig(vocab_size=11)), n_labels=5)(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 5])
    """

    def __init__(self, bert: BERT, n_labels: int) -> None:
        super().__init__()
        _require_bert(bert, n_labels)
        self.bert, self.dropout = bert, nn.Dropout(bert.config.dropout)
        self.output = nn.Linear(bert.config.d_model, n_labels)
        self.output.apply(_initialise)

    def forward(self, tokens: Tokens, segments: Tokens | None = None) -> Float[Tensor, "B T L"]:
        return self.output(self.dropout(self.bert(tokens, segments)))


def _require_bert(bert: Any, n_labels: Any) -> None:
    require(isinstance(bert, BERT), "bert must be a BERT", type(bert).__name__)
    require_integer("n_labels", n_labels, at_least=1)


def sentence_vectors(
    bert: BERT, rows: list[list[int]], batch_size: int = 32, pool: Pool = mean_of_tokens
) -> Float[Tensor, "N C"]:
    """The vector of each text (its ids), in evaluation mode; batches hold texts of similar length, to pad little.

    Raises ValueError for an empty text, one that is longer than the model's context, and ids outside its vocabulary.
    """
    require(isinstance(bert, BERT), "bert must be a BERT", type(bert).__name__)
    require_integer("batch_size", batch_size, at_least=1)
    rows = rows_of_ids("rows", rows, bert.config.vocab_size)
    for index, row in enumerate(rows):
        require(row, f"each text must have at least 1 token, rows[{index}] too", row)
    order, vectors = sorted(range(len(rows)), key=lambda i: len(rows[i])), torch.empty(len(rows), bert.config.d_model)
    with evaluating(bert) as device, torch.inference_mode(), OneDNN():
        for start in range(0, len(rows), batch_size):
            some = order[start : start + batch_size]
            tokens = torch.nn.utils.rnn.pad_sequence([torch.tensor(rows[i]) for i in some], batch_first=True).to(device)
            vectors[some] = pool(bert(tokens), tokens).cpu()
    return vectors
