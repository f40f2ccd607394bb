"""Memorised training text: secrets planted in it, how exposed they are, and training that hides each row.

Axes: B rows of a batch, K secrets, N other candidates for each.
"""

import math
import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.special import gammaln, logsumexp, xlogy
from torch import Generator, Tensor, nn

from course_lib.validation import require, require_finite, require_integer, require_number, text_of, texts_of

__all__ = ["draw_secrets", "epsilon", "exposure", "plant", "poisson_rows", "private_loss"]


def draw_secrets(count: int, n_digits: int, seed: int = 0) -> list[str]:
    """`count` different numbers of `n_digits` random digits: secrets to plant, and candidates to compare them with.

    >>> draw_secrets(3, 4)
    ['6311', '6890', '0663']
    """
    require_integer("n_digits", n_digits, at_least=1, at_most=18)
    require_integer("count", count, at_least=1, at_most=10**n_digits)
    require_integer("seed", seed, at_least=0)
    return [f"{number:0{n_digits}}" for number in random.Random(seed).sample(range(10**n_digits), count)]


def plant(text: str, sentences: Mapping[str, int], seed: int = 0) -> str:
    """The text with sentences added, each as often as its count says, as lines of their own at random positions.

    >>> plant("To be,\\nor not to be", {"My number is 17.": 2})
    'To be,\\nMy number is 17.\\nor not to be\\nMy number is 17.'
    """
    lines = text_of("text", text).split("\n")
    require(isinstance(sentences, Mapping), "sentences must be a dictionary from sentences to counts", sentences)
    require_integer("seed", seed, at_least=0)
    positions = random.Random(seed)
    for sentence in texts_of("sentences", list(sentences)):
        require_integer(f"the count of {sentence!r}", sentences[sentence], at_least=0)
        for _ in range(sentences[sentence]):
            lines.insert(positions.randint(0, len(lines)), sentence)
    return "\n".join(lines)


def exposure(secrets: Float[Tensor, "*K"] | ArrayLike, others: Float[Tensor, "*K N"] | ArrayLike) -> Any:
    """log₂ of the number of candidates minus log₂ of the secret's rank, in bits: Carlini et al. (2019), section 4.

    `secrets` are the losses of planted secrets. `others` are the losses of candidates that look the same but were not
    planted: one row for all secrets, or a row for each. The candidates are these N and the secret, and ties count
    against it. The maximum is log₂(N + 1); a secret that the model has never seen has 1.44 bits on average.

    >>> exposure([0.5, 4.0], [1.0, 2.0, 3.0])
    array([2., 0.])
    """
    own, other = require_finite("secrets", secrets), require_finite("others", others)
    fits = other.ndim and other.shape[-1] and other.shape[:-1] in ((), own.shape)
    require(fits, f"others must be a row of losses, or have the shape {(*own.shape, 'N')}", other)
    rank = 1 + (other <= own[..., None]).sum(-1)
    return np.log2(other.shape[-1] + 1) - np.log2(rank)


def poisson_rows(*tensors: Tensor, rate: float | int) -> Callable[[Generator], tuple[Tensor, ...]]:
    """A function that draws batches: each row is included with probability `rate`, independently of the others.

    `epsilon` holds for such batches only. Their mean size is rate x rows, and a batch may be empty. Raises ValueError
    for tensors of different lengths.

    >>> draw = poisson_rows(torch.arange(100), rate=0.05)
    >>> [len(draw(Generator().manual_seed(seed))[0]) for seed in range(5)]
    [7, 6, 7, 5, 8]
    """
    require(tensors and all(isinstance(one, Tensor) and one.ndim for one in tensors), "rows must be tensors", tensors)
    lengths = [len(one) for one in tensors]
    require(len(set(lengths)) == 1, "the tensors must have equally many rows", lengths)
    require_number("rate", rate, above=0, at_most=1)

    def draw(generator: Generator) -> tuple[Tensor, ...]:
        drawn = torch.rand(lengths[0], generator=generator) < rate
        return tuple(one[drawn.to(one.device)] for one in tensors)

    return draw


def private_loss(
    loss: Callable[[nn.Module, Any], Tensor], *, clip: float | int, noise: float | int, batch_size: float | int
) -> Callable[[nn.Module, tuple[Tensor, ...]], Tensor]:
    """A loss for `train` whose gradient is that of DP-SGD: Abadi et al. (2016), algorithm 1.

    (Σ g · min(1, clip / |g|) + clip · noise · z) / batch_size, where g is the gradient of `loss` on one row, over all
    weights, and z is standard normal. No row can change the sum by more than `clip`, and the noise hides changes of
    that size. `batch_size` is the expected one: rate x rows with `poisson_rows`. The loss's value is the plain mean,
    which is not private. Whatever `train` does to the gradient afterwards, clip_norm for example, keeps it private. An
    Execution that accumulates adds noise once per part, which is more than needed.
    """
    require(callable(loss), "the loss must be a function of a model and a batch", loss)
    require_number("clip", clip, above=0, below=math.inf)
    require_number("noise", noise, at_least=0, below=math.inf)
    require_number("batch_size", batch_size, above=0, below=math.inf)

    def private(model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        require(isinstance(batch, tuple | list) and batch, "a batch must be a tuple of tensors with rows", batch)
        trained = [weight for weight in model.parameters() if weight.requires_grad]
        total, value = [torch.zeros_like(weight) for weight in trained], torch.zeros(())
        for row in range(len(batch[0])):
            one = loss(model, tuple(tensor[row : row + 1] for tensor in batch))
            gradient = torch.autograd.grad(one, trained, allow_unused=True, materialize_grads=True)
            norm = torch.stack([part.norm() for part in gradient]).norm()
            torch._foreach_add_(total, gradient, alpha=min(1.0, clip / max(norm.item(), 1e-12)))
            value = value + one.detach() / len(batch[0])
        # `train` calls backward: the derivative of this sum with respect to the weights is the noisy gradient.
        linear = sum(
            (weight * (part + clip * noise * torch.randn_like(part)) / batch_size).sum()
            for weight, part in zip(trained, total, strict=True)
        )
        return value + linear - linear.detach()

    return private


def epsilon(*, rate: float | int, noise: float | int, steps: int, delta: float) -> float:
    """The ε of (ε, δ) differential privacy after some steps of `private_loss` on batches from `poisson_rows`.

    Except with probability δ, seeing the weights of all steps changes the odds that a given row was in the data by a
    factor of at most e^ε. A secret that occurs in k rows is only protected by k ε. We add up the Rényi divergence of
    each order from 2 to 256 (Mironov, Talwar and Zhang, 2019, section 3.3), convert each sum to an ε (Balle et al.,
    2020, theorem 21), and take the smallest.

    >>> round(epsilon(rate=0.01, noise=1.1, steps=1000, delta=1e-5), 2)
    1.73
    """
    require_number("rate", rate, above=0, at_most=1)
    require_number("noise", noise, above=0, below=math.inf)
    require_integer("steps", steps, at_least=1)
    require_number("delta", delta, above=0, below=1)
    bounds = []
    for order in range(2, 257):
        k = np.arange(order + 1)
        log_choices = gammaln(order + 1) - gammaln(k + 1) - gammaln(order - k + 1)
        terms = log_choices + xlogy(order - k, 1 - rate) + k * math.log(rate) + (k * k - k) / (2 * noise**2)
        divergence = steps * logsumexp(terms) / (order - 1)
        bounds.append(divergence + math.log1p(-1 / order) - (math.log(delta) + math.log(order)) / (order - 1))
    return max(0.0, float(min(bounds)))
