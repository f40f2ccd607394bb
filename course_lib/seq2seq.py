"""The recurrent encoder-decoder, with attention and without: a GRU reads the source, another writes the target.

Axes: B batch, T target position, S source position, C d_hidden, V vocabulary. Token 0 is padding, in every text.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.attention import AdditiveAttention, MultiplicativeAttention, padding_mask
from course_lib.linear import Embedding
from course_lib.recurrent import GRU
from course_lib.shapes import lengths_of, require_tensor
from course_lib.validation import require, require_integer, require_number, require_one_of, require_sizes

__all__ = ["Encoder", "Seq2Seq", "Seq2SeqConfig"]

ATTENTION = ("none", "additive", "multiplicative")


@dataclass(frozen=True, kw_only=True)
class Seq2SeqConfig:
    """The sizes of a Seq2Seq. Raises ValueError for a size below 1 or an unknown kind of attention."""

    vocab_size: int  # different tokens, of source and target together; token 0 is padding
    d_embed: int = 128  # numbers in a token's vector
    d_hidden: int = 256  # numbers in the decoder's state, and in the encoder's, half of them a direction
    dropout: float | int = 0.1  # share of numbers zeroed in training: of the embeddings and before the logits
    attention: str = "additive"  # "additive" (Bahdanau), "multiplicative" (Luong), or "none": the last state alone

    def __post_init__(self) -> None:
        require_sizes(self, "vocab_size", "d_embed", "d_hidden")
        require(self.d_hidden % 2 == 0, "d_hidden must be even: half of it for each direction", self.d_hidden)
        require_number("dropout", self.dropout, at_least=0, below=1)
        require_one_of("attention", ATTENTION, self.attention)


class Encoder(nn.Module):
    """Two GRUs read the source, one from each end; at each token stand both states: Bahdanau et al. (2015), 3.2."""

    def __init__(self, d_in: int, d_hidden: int) -> None:
        super().__init__()
        require_integer("d_hidden", d_hidden, at_least=2)
        require(d_hidden % 2 == 0, "d_hidden must be even: half of it for each direction", d_hidden)
        self.forwards, self.backwards = GRU(d_in, d_hidden // 2), GRU(d_in, d_hidden // 2)

    def forward(
        self, x: Float[Tensor, "B S I"], lengths: Int[Tensor, " B"]
    ) -> tuple[Float[Tensor, "B S C"], Float[Tensor, "B C"]]:
        """What stands at each token, and the two last states: one has read the last token last, the other the first."""
        require_tensor("x", x, "batch", "time", self.forwards.d_in)
        lengths = lengths_of(lengths, len(x), x.shape[1], x.device)
        real = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
        reversed_positions = _reversed_positions(lengths, x.shape[1])[..., None]
        there, last = self.forwards(x, mask=real)
        back, first = self.backwards(x.gather(1, reversed_positions.expand_as(x)), mask=real)
        back = back.gather(1, reversed_positions.expand_as(back))
        return torch.cat([there, back], dim=-1), torch.cat([last[0], first[0]], dim=-1)


class State(NamedTuple):
    """What decoding needs between two steps: the source, which of it is real, and the decoder's GRU."""

    memory: Float[Tensor, "B S C"]
    mask: Bool[Tensor, "B 1 1 S"]
    summary: Float[Tensor, "B C"]
    hidden: Float[Tensor, "1 B C"]


class Seq2Seq(nn.Module):
    """A GRU encoder-decoder: the logits of each target token, given the source and the tokens before it.

    The decoder's GRU starts from the source's summary and reads the target; each of its states s gets a context c,
    attention's mean over the source or, without attention, the summary again (Cho et al., 2014, section 2.2), and the
    logits come from tanh(W [s; c]): Luong, Pham and Manning (2015, section 3). Bahdanau et al. (2015) ask with the
    state before, s_t-1, and feed c into the GRU, which forbids to train all positions at once. Sutskever, Vinyals and
    Le (2014) have no attention.

    >>> model = Seq2Seq(Seq2SeqConfig(vocab_size=11, d_embed=3, d_hidden=4))
    >>> model(torch.tensor([[1, 2, 3], [5, 0, 0]]), torch.tensor([[1, 4], [1, 6]])).shape
    torch.Size([2, 2, 11])
    """

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        require(isinstance(config, Seq2SeqConfig), "config must be a Seq2SeqConfig", config)
        self.config, width = config, config.d_hidden
        self.embedding = Embedding(config.vocab_size, config.d_embed)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = Encoder(config.d_embed, width)
        self.bridge = nn.Linear(width, width)
        self.decoder = GRU(config.d_embed, width)
        self.attention = _attention(config)
        self.combine = nn.Linear(2 * width, config.d_embed)
        self.output = nn.Linear(config.d_embed, config.vocab_size)

    def forward(self, source: Int[Tensor, "B S"], target: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        require_tensor("source", source, "batch", "time", integers=True)
        return self.write(target, self.start(source, (source != 0).sum(dim=1)))[0]

    def write(self, target: Int[Tensor, "B T"], state: State) -> tuple[Float[Tensor, "B T V"], State]:
        """The logits of what follows each target token from a state on, and the state after them."""
        require_tensor("target", target, len(state.mask), "time", integers=True)
        outputs, hidden = self.decoder(self.dropout(self.embedding(target)), state.hidden)
        if self.attention is None:
            context = state.summary[:, None].expand_as(outputs)
        else:
            context = self.attention(outputs, state.memory, state.mask)
        combined = torch.tanh(self.combine(torch.cat([outputs, context], dim=-1)))
        return self.output(self.dropout(combined)), state._replace(hidden=hidden)

    def start(self, source: Int[Tensor, "B S"], lengths: Int[Tensor, " B"]) -> State:
        """The state before the first step: the source, read once. What follows `lengths` tokens is padding."""
        require_tensor("source", source, "batch", "time", integers=True)
        lengths = lengths_of(lengths, len(source), source.shape[1], source.device)
        memory, summary = self.encoder(self.dropout(self.embedding(source)), lengths)
        return State(memory, padding_mask(lengths, source.shape[1]), summary, torch.tanh(self.bridge(summary))[None])

    def step(self, tokens: Int[Tensor, " B"], state: State) -> tuple[Float[Tensor, "B V"], State]:
        """The logits of what follows one more token a row, and the state after it."""
        require_tensor("tokens", tokens, len(state.mask), integers=True)
        logits, state = self.write(tokens[:, None], state)
        return logits[:, 0], state

    def reorder(self, state: State, rows: Int[Tensor, " N"]) -> State:
        """The state of the rows given, in their order; a row may come more than once."""
        return State(state.memory[rows], state.mask[rows], state.summary[rows], state.hidden[:, rows])


def _attention(config: Seq2SeqConfig) -> AdditiveAttention | MultiplicativeAttention | None:
    if config.attention == "none":
        return None
    width = config.d_hidden
    if config.attention == "additive":
        return AdditiveAttention(width, width, width)
    return MultiplicativeAttention(width, width)


def _reversed_positions(lengths: Tensor, longest: int) -> Tensor:
    """For each row the positions of its tokens from the last to the first, those of padding as they are: (B, S)."""
    positions = torch.arange(longest, device=lengths.device)
    backwards = lengths[:, None] - 1 - positions
    return torch.where(backwards >= 0, backwards, positions)
