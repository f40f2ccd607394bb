"""Speech to text: a waveform as a picture of its frequencies, and the encoder-decoder Whisper that reads it.

Axes: B batch, W samples of a waveform, M mel bands, F frames, Q frequencies, S source position (two frames each), T
position of a token, C d_model, V vocabulary.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention import causal_mask
from course_lib.linear import Embedding
from course_lib.positions import LearnedPositions
from course_lib.shapes import lengths_of, require_tensor
from course_lib.transformer import DecoderBlock, EncoderBlock, State, TransformerConfig
from course_lib.validation import (
    Ids,
    ids_of,
    require,
    require_divides,
    require_finite,
    require_integer,
    require_number,
    require_sizes,
)

__all__ = ["Listener", "Whisper", "WhisperConfig", "log_mel", "mel_filters"]

RATE = 16_000  # samples a second
WINDOW, HOP = 400, 160  # samples: 25 ms are looked at, every 10 ms
FRAMES = RATE // HOP  # a second


def mel_filters(n_mels: int = 80) -> Float[Tensor, "M Q"]:
    """How much each band hears of each frequency from 0 to 8,000 Hz: triangles, which grow wider with it.

    A mel is 200/3 Hz below 1,000 Hz; above, 27 mels are a factor of 6.4 (Slaney, 1998). Each triangle's area is 1, so
    that noise sounds equal in all.

    >>> [int(band.argmax()) * RATE // WINDOW for band in mel_filters()[[0, 9, 79]]]  # Hz
    [40, 360, 7680]
    """
    require_integer("n_mels", n_mels, at_least=1)
    top = 15 + 27 * math.log(8) / math.log(6.4)
    mels = torch.linspace(0, top, n_mels + 2, dtype=torch.float64)
    edges = torch.where(mels < 15, mels * 200 / 3, 1000 * torch.exp((mels - 15) * math.log(6.4) / 27))
    frequencies = torch.linspace(0, RATE / 2, WINDOW // 2 + 1, dtype=torch.float64)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (frequencies - left) / (middle - left), (right - frequencies) / (right - middle)
    return (torch.minimum(rising, falling).clamp(min=0) * 2 / (right - left)).float()


def log_mel(waveform: Any, n_mels: int = 80, seconds: float | int = 30) -> Float[Tensor, "M F"]:
    """The energy of each mel band every 10 ms, as Whisper reads it: Radford et al. (2023), section 2.2.

    `waveform` holds 16,000 numbers a second from -1 to 1; silence fills it up to `seconds`. The windows' energies are
    summed by `mel_filters`, log10 of these is cut at 8 below its maximum, and (x + 4) / 4 brings it near [-1, 1].

    >>> log_mel(torch.zeros(RATE), seconds=1).shape
    torch.Size([80, 100])
    """
    wave = torch.as_tensor(require_finite("waveform", waveform), dtype=torch.float32)
    require(wave.ndim == 1, "waveform must have one axis, its samples", wave)
    require(wave.abs().max() <= 1 if len(wave) else False, "waveform must be samples from -1 to 1, at least one", wave)
    require_number("seconds", seconds, above=0, below=math.inf)
    length = round(seconds * RATE)
    require(len(wave) <= length, f"waveform must last {seconds} seconds at most, {length} samples", len(wave))
    window = torch.hann_window(WINDOW)
    padded = F.pad(wave, (0, length - len(wave)))
    spectrum = torch.stft(padded, WINDOW, HOP, window=window, return_complex=True)[:, :-1]  # (Q, F)
    energy = mel_filters(n_mels) @ spectrum.abs().square()
    logs = energy.clamp(min=1e-10).log10()
    return (logs.clamp(min=float(logs.max()) - 8) + 4) / 4


@dataclass(frozen=True, kw_only=True)
class WhisperConfig:
    """The sizes of a Whisper; the defaults are tiny.en's. Raises ValueError for an invalid one."""

    vocab_size: int = 51_864
    n_mels: int = 80  # bands of the sound's picture
    source_length: int = 1_500  # positions of the encoder, two frames each
    context_length: int = 448  # most tokens of a text
    d_model: int = 384  # width of the stream between the blocks
    n_heads: int = 6
    d_ff: int = 1_536  # width of the feed-forward's hidden layer
    n_encoder_layers: int = 4
    n_decoder_layers: int = 4

    def __post_init__(self) -> None:
        require_sizes(self, "vocab_size", "n_mels", "source_length", "context_length", "d_model", "n_heads", "d_ff")
        require_sizes(self, "n_encoder_layers", "n_decoder_layers")
        require_divides(n_heads=self.n_heads, d_model=self.d_model)


class Whisper(nn.Module):
    """Radford et al. (2023), section 2.2: the logits of each token of a text, given the sound and the tokens before it.

    Two convolutions, the second of which halves the frames, stand before a Transformer with pre-norm blocks and GELU.
    One matrix embeds the tokens and gives the logits. The original's key projections have no bias: theirs is 0 here.

    >>> config = WhisperConfig(vocab_size=11, source_length=50, d_model=6, n_heads=2, d_ff=5)
    >>> Whisper(config)(torch.zeros(1, 80, 100), torch.tensor([[1, 4]])).shape
    torch.Size([1, 2, 11])
    """

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        require(isinstance(config, WhisperConfig), "config must be a WhisperConfig", config)
        self.config, c = config, config.d_model
        sizes = TransformerConfig(
            vocab_size=1, d_model=c, n_heads=config.n_heads, d_ff=config.d_ff, dropout=0, positions="none"
        )
        self.convolutions = nn.ModuleList(
            [nn.Conv1d(config.n_mels, c, 3, padding=1), nn.Conv1d(c, c, 3, stride=2, padding=1)]
        )
        self.source_positions = LearnedPositions(config.source_length, c)
        self.encoder = nn.ModuleList(_with_gelu(EncoderBlock(sizes)) for _ in range(config.n_encoder_layers))
        self.encoder_norm = nn.LayerNorm(c)
        self.embedding, self.positions = Embedding(config.vocab_size, c), LearnedPositions(config.context_length, c)
        self.decoder = nn.ModuleList(_with_gelu(DecoderBlock(sizes)) for _ in range(config.n_decoder_layers))
        self.decoder_norm = nn.LayerNorm(c)

    def forward(self, mels: Float[Tensor, "B M F"], tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
        require_tensor("tokens", tokens, "batch", "time", integers=True)
        memory = self.encode(mels)
        x, causal = self.positions(self.embedding(tokens)), causal_mask(tokens.shape[1], tokens.device)
        for block in self.decoder:
            x = block(x, memory, causal)
        return self.logits(x)

    def encode(self, mels: Float[Tensor, "B M F"]) -> Float[Tensor, "B S C"]:
        """The sound as the decoder sees it: a vector for every two frames."""
        require_tensor("mels", mels, "batch", self.config.n_mels, "frames")
        x = mels
        for convolution in self.convolutions:
            x = F.gelu(convolution(x))
        x = self.source_positions(x.transpose(1, 2))  # (B, C, S) -> (B, S, C)
        for block in self.encoder:
            x = block(x)
        return self.encoder_norm(x)

    def logits(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T V"]:
        """How well the decoder's output fits each token's vector."""
        return F.linear(self.decoder_norm(x), self.embedding.weight)


def _with_gelu(block: Any) -> Any:
    block.feed_forward[1] = nn.GELU()
    return block


class Listener(nn.Module):
    """A Whisper that has heard one sound for each prompt: what `generation` asks of a model.

    A prompt's tokens say what to do: those of tiny.en are <|startoftranscript|> and <|notimestamps|>. Tokens in
    `suppressed` are never written.
    """

    def __init__(self, model: Whisper, mels: Float[Tensor, "B M F"], suppressed: Ids = ()) -> None:
        super().__init__()
        require(isinstance(model, Whisper), "the model must be a Whisper", type(model).__name__)
        require_tensor("mels", mels, "batch", model.config.n_mels, "frames")
        self.model, self.config, self.mels = model, model.config, mels
        self.suppressed = torch.from_numpy(ids_of("suppressed", suppressed, model.config.vocab_size))

    def start(self, source: Int[Tensor, "B T"], lengths: Int[Tensor, " B"]) -> State:
        """The state after the prompts, which must be of one length, one for each sound."""
        require_tensor("source", source, len(self.mels), "time", integers=True)
        lengths = lengths_of(lengths, len(source), source.shape[1])
        require((lengths == source.shape[1]).all(), "prompts must be of one length", lengths.tolist())
        memory = self.model.encode(self.mels)
        kept = tuple(block.cross_attention.keys_values(memory) for block in self.model.decoder)
        heard = torch.ones(len(memory), 1, 1, memory.shape[1], dtype=torch.bool, device=memory.device)
        state = State(heard, kept, (None,) * len(self.model.decoder))
        for tokens in source.T:
            _, state = self.step(tokens, state)
        return state

    def step(self, tokens: Int[Tensor, " B"], state: State) -> tuple[Float[Tensor, "B V"], State]:
        """The logits of what follows one more token a row, and the state after it."""
        require_tensor("tokens", tokens, len(state.mask), integers=True)
        x, past = self.model.positions(self.model.embedding(tokens[:, None]), state.written()), []
        for block, before, memory in zip(self.model.decoder, state.past, state.memory, strict=True):
            x, now = block.step(x, before, memory, state.mask)
            past.append(now)
        logits = self.model.logits(x)[:, 0]
        logits[:, self.suppressed.to(logits.device)] = -math.inf
        return logits, state._replace(past=tuple(past))

    def reorder(self, state: State, rows: Int[Tensor, " N"]) -> State:
        """The state of the rows given, in their order; a row may come more than once."""
        return state.of(rows)

    def room(self, length: int) -> int:
        """How many tokens can be written after a prompt of this length."""
        return self.config.context_length - length
