"""A language model that reads one token after another and remembers what it read in a state of fixed size.

Axes: B batch, T position (time), V vocabulary.
"""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.recurrent.layers import GRU, LSTM, RNN, State
from course_lib.validation import require_dropout, require_one_of, require_sizes

__all__ = ["RecurrentLM", "RecurrentLMConfig", "detached"]

LAYERS = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}


@dataclass(frozen=True, kw_only=True)
class RecurrentLMConfig:
    """The sizes of a RecurrentLM, and what it is made of. Raises ValueError for what will not do."""

    vocab_size: int  # different tokens
    d_embed: int = 64  # numbers in a token's vector
    d_hidden: int = 256  # numbers in a layer's state
    n_layers: int = 1
    dropout: float | int = 0.0  # share of numbers zeroed in training: of the vectors, between layers, of the outputs
    layer: str = "GRU"  # "RNN", "GRU" or "LSTM"

    def __post_init__(self) -> None:
        require_sizes(self, "vocab_size", "d_embed", "d_hidden", "n_layers")
        require_dropout(self.dropout)
        require_one_of("layer", LAYERS, self.layer)


class RecurrentLM(nn.Module):
    """A language model that reads one token after another: a vector a token, recurrent layers, one logit a token.

    Mikolov et al. (2010), with dropout where Zaremba, Sutskever and Vinyals (2014) put it.
    `forward` gives the logits of a text read from its beginning; `run` goes on from a state and gives the new one.

    >>> import torch
    >>> model = RecurrentLM(RecurrentLMConfig(vocab_size=7, d_embed=3, d_hidden=5, layer="LSTM"))
    >>> model(torch.tensor([[1, 2, 3], [6, 0, 0]])).shape
    torch.Size([2, 3, 7])
    """

    def __init__(self, config: RecurrentLMConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab_size, config.d_embed)
        self.recurrent = LAYERS[config.layer](config.d_embed, config.d_hidden, config.n_layers, config.dropout)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(config.d_hidden, config.vocab_size)

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        """The logits of what follows each token, given it and those before it."""
        return self.run(tokens)[0]

    def run(self, tokens: Int[Tensor, "B T"], state: State | None = None) -> tuple[Float[Tensor, "B T V"], State]:
        """The logits, and the state to read on from; `detached` first, where gradients need not flow back."""
        outputs, state = self.recurrent(self.dropout(self.embed(tokens)), state)
        return self.output(self.dropout(outputs)), state

    def start(self, source: Int[Tensor, "B T"], lengths: Int[Tensor, " B"] | None = None) -> State:
        """The state after each row's first `lengths` tokens; without it, after all. A row may be empty."""
        return self.recurrent(self.dropout(self.embed(source)), lengths=lengths)[1]

    def step(self, tokens: Int[Tensor, " B"], state: State) -> tuple[Float[Tensor, "B V"], State]:
        """The logits of what follows one more token a row, and the state after it."""
        logits, state = self.run(tokens[:, None], state)
        return logits[:, 0], state


def detached(state: State) -> State:
    """The state without its history: from there, gradients do not flow back (truncated back-propagation through time).

    Williams and Peng (1990). A text too long for one batch is read window by window, each from the last one's state.
    """
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
