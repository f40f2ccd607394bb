"""Pictures as tokens: a Transformer that reads patches, and pictures learned together with their names.

Axes: B batch (pictures), R red, green and blue, Y height, X width, N patches, P numbers of a patch, T tokens (the
patches and one before them), C d_model, D width of the vectors that pictures and texts share.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.attention import MultiHeadAttention
from course_lib.positions import LearnedPositions
from course_lib.shapes import require_tensor
from course_lib.transformer import PreNorm
from course_lib.validation import require, require_divides, require_integer, require_number, require_sizes

__all__ = ["TwoTowers", "ViT", "ViTConfig", "contrastive_loss", "patches", "pixels"]

Pictures = Float[Tensor, "B R Y X"]


def pixels(pictures: Any) -> Pictures:
    """Pictures of bytes, colours last (arrays as of `data.emoji`), as floats from -1 to 1, colours first.

    >>> pixels([np.full((1, 2, 3), 255, np.uint8)]).shape
    torch.Size([1, 3, 1, 2])
    """
    one_size = isinstance(pictures, list | tuple | np.ndarray) and len({np.shape(one) for one in pictures}) == 1
    require(one_size, "pictures must be a list of arrays of one size", pictures)
    array = np.stack(list(pictures))
    expected = "pictures must be arrays of 8-bit integers (height, width, 3)"
    require(array.ndim == 4 and array.shape[3] == 3 and array.dtype == np.uint8, expected, array)
    return torch.from_numpy(array).permute(0, 3, 1, 2) / 127.5 - 1


def patches(pictures: Pictures, size: int) -> Float[Tensor, "B N P"]:
    """Squares of `size` pixels, row by row from the top left, each as a row of its numbers: all red ones first.

    Dosovitskiy et al. (2021), section 3.1. A linear layer of them is a convolution whose stride is its width.

    >>> patches(torch.arange(8.0).view(1, 1, 2, 4), 2)
    tensor([[[0., 1., 4., 5.],
             [2., 3., 6., 7.]]])
    """
    require_tensor("pictures", pictures, "batch", "colours", "height", "width")
    for axis in (2, 3):
        require_divides(**{"the patches' size": size, "height" if axis == 2 else "width": pictures.shape[axis]})
    squares = pictures.unfold(2, size, size).unfold(3, size, size)  # (B, R, rows, columns, size, size)
    return squares.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)


@dataclass(frozen=True, kw_only=True)
class ViTConfig:
    """The sizes of a vision Transformer. Raises ValueError for an invalid one."""

    image_size: int = 64  # pixels of a side
    patch_size: int = 8  # pixels of a patch's side
    d_model: int = 128  # width of the stream between the blocks
    n_layers: int = 4  # blocks
    n_heads: int = 4
    d_ff: int = 256  # width of the feed-forward's hidden layer
    dropout: float | int = 0.0  # in training, of the embeddings and of each sublayer's output
    norm_eps: float = 1e-6  # added to the variance that LayerNorm divides by

    def __post_init__(self) -> None:
        require_sizes(self, "image_size", "patch_size", "d_model", "n_layers", "n_heads", "d_ff")
        require_divides(patch_size=self.patch_size, image_size=self.image_size)
        require_divides(n_heads=self.n_heads, d_model=self.d_model)
        require_number("dropout", self.dropout, at_least=0, below=1)
        require_number("norm_eps", self.norm_eps, above=0, below=1)


class Block(nn.Module):
    """Self-attention, then W_2 gelu(W_1 x + b_1) + b_2, each in x + dropout(sublayer(norm(x)))."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        c, d_ff = config.d_model, config.d_ff
        self.attention = MultiHeadAttention(c, config.n_heads)
        self.feed_forward = nn.Sequential(nn.Linear(c, d_ff), nn.GELU(), nn.Linear(d_ff, c))
        self.residuals = nn.ModuleList(PreNorm(c, config.dropout, config.norm_eps) for _ in range(2))

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        around_attention, around_feed_forward = self.residuals
        return around_feed_forward(around_attention(x, self.attention), self.feed_forward)


class ViT(nn.Module):
    """Dosovitskiy et al. (2021), section 3.1: an encoder whose tokens are patches of a picture.

    A learned token stands before the patches; its last state (the first of forward's) is the picture's vector.

    >>> ViT(ViTConfig(image_size=16))(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 5, 128])
    """

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        require(isinstance(config, ViTConfig), "config must be a ViTConfig", config)
        self.config, c = config, config.d_model
        n_patches = (config.image_size // config.patch_size) ** 2
        self.embedding = nn.Linear(3 * config.patch_size**2, c)
        self.first = nn.Parameter(torch.randn(c) * 0.02)
        self.positions, self.dropout = LearnedPositions(n_patches + 1, c), nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(c, config.norm_eps)

    def forward(self, pictures: Pictures) -> Float[Tensor, "B T C"]:
        size = self.config.image_size
        require_tensor("pictures", pictures, "batch", 3, size, size)
        x = self.embedding(patches(pictures, self.config.patch_size))
        x = torch.cat([self.first.expand(len(x), 1, -1), x], dim=1)
        x = self.dropout(self.positions(x))
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class TwoTowers(nn.Module):
    """Two encoders whose vectors meet: the logits of each pair of a picture and a text of a batch.

    Radford et al. (2021), section 2.3 and figure 3: s u·v for the vectors' projections u and v, brought to norm 1. The
    scale s is exp of a parameter, begins at 1 / 0.07 and ends at 100. The towers may be any modules that give a vector
    for each row; nn.Identity() takes vectors that were made before.

    >>> TwoTowers(nn.Identity(), nn.Identity(), 5, 7, 3)(torch.ones(2, 5), torch.ones(2, 7)).shape
    torch.Size([2, 2])
    """

    def __init__(self, pictures: nn.Module, texts: nn.Module, d_pictures: int, d_texts: int, d_shared: int) -> None:
        super().__init__()
        for name, size in {"d_pictures": d_pictures, "d_texts": d_texts, "d_shared": d_shared}.items():
            require_integer(name, size, at_least=1)
        for name, tower in {"pictures": pictures, "texts": texts}.items():
            require(isinstance(tower, nn.Module), f"the tower of {name} must be a torch.nn.Module", tower)
        self.pictures, self.texts = pictures, texts
        self.picture_projection = nn.Linear(d_pictures, d_shared, bias=False)
        self.text_projection = nn.Linear(d_texts, d_shared, bias=False)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def forward(self, pictures: Any, texts: Any) -> Float[Tensor, "B B"]:
        u, v = self.of_pictures(pictures), self.of_texts(texts)
        return self.log_scale.clamp(max=math.log(100)).exp() * u @ v.T

    def of_pictures(self, pictures: Any) -> Float[Tensor, "B D"]:
        """The pictures' vectors, of norm 1."""
        return self._shared(self.pictures(pictures), self.picture_projection, "pictures")

    def of_texts(self, texts: Any) -> Float[Tensor, "B D"]:
        """The texts' vectors, of norm 1."""
        return self._shared(self.texts(texts), self.text_projection, "texts")

    def _shared(self, vectors: Any, projection: nn.Linear, name: str) -> Tensor:
        require_tensor(f"the vectors of {name}", vectors, "batch", projection.in_features)
        return F.normalize(projection(vectors), dim=-1)


def contrastive_loss(logits: Float[Tensor, "B B"]) -> Float[Tensor, ""]:
    """-ln p(own text | picture) and -ln p(own picture | text), the mean of both over the batch, in nats.

    Radford et al. (2021), figure 3. Pair i is row i and column i: all other pairs of the batch are taken for wrong, and
    chance is ln B.

    >>> contrastive_loss(torch.zeros(4, 4))  # ln 4
    tensor(1.3863)
    """
    require_tensor("logits", logits, "batch", "batch")
    require(logits.shape[0] == logits.shape[1], "logits must have a row and a column for each pair", logits)
    own = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
