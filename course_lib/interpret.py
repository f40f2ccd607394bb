"""Looking inside a model: activations read and replaced while it runs, and measurements that build on this.

A place is the name of one activation. A module's name, as in `model.named_modules()`, stands for the module's output;
with ".input" after it, for its input. After an attention's name, ".heads" stands for the outputs of all its heads
(B, H, T, D), before the matrix that mixes them, and ".heads.4" for the output of head 4 alone (B, T, D). In a GPT,
"blocks.3" is the residual stream after block 3, "blocks.3.attention" and "blocks.3.feed_forward" are what its two
sublayers add to it, "blocks.0.input" is the embedding and "norm.input" the final stream. A recurrent layer's place is
its outputs, not its state. Layers and heads are counted from 0. `attention.recorded` records attention weights.

Axes: B batch, T position, L layers, H heads, D per-head width, C d_model, V vocabulary, P places,
N rows, M of them held out.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from course_lib.attention import recorded
from course_lib.gpt import DecoderOnly
from course_lib.runtime import evaluating
from course_lib.shapes import require_tensor
from course_lib.validation import Ids, ids_of, require, require_finite, require_integer, texts_of

__all__ = [
    "Attribution",
    "Probe",
    "ablation",
    "direct_attribution",
    "induction_scores",
    "linear_probe",
    "logit_lens",
    "patching_map",
    "recorded_activations",
    "replaced",
    "streams",
]

Change = Callable[[Tensor], Tensor]


@contextmanager
def recorded_activations(model: nn.Module, places: Iterable[str]) -> Iterator[dict[str, Tensor]]:
    """The activations at these places by name, once the model has run: one forward pass for each `with` block.

    They are part of the computation graph, so a gradient with respect to them can be computed. Where recording and
    replacing are nested, the inner block sees what the outer one returned. Raises ValueError for a place that the model
    does not have or did not pass through, and for a second pass (decoding with a cache makes one for each token).

    >>> from course_lib.gpt import GPT, GPTConfig
    >>> model = GPT(GPTConfig(vocab_size=11, d_model=12, n_heads=3))
    >>> with recorded_activations(model, ["blocks.2", "blocks.2.attention.heads"]) as found:
    ...     logits = model(torch.tensor([[1, 2, 3, 4, 5]]))
    >>> {place: tuple(x.shape) for place, x in found.items()}
    {'blocks.2.attention.heads': (1, 3, 5, 4), 'blocks.2': (1, 5, 12)}
    """
    found: dict[str, Tensor] = {}

    def record(place: str, x: Tensor) -> Tensor:
        if place in found:
            raise ValueError(
                f"one forward pass is recorded at a time, but {place} came twice (decoding makes many passes)"
            )
        found[place] = x
        return x

    with replaced(model, {place: partial(record, place) for place in texts_of("places", places)}):
        yield found


@contextmanager
def replaced(model: nn.Module, changes: Mapping[str, Tensor | Change]) -> Iterator[None]:
    """The model with other activations at some places: a tensor, or a function of what the model computed there.

    The rest of the pass continues from the new activation. A function returns a new tensor and leaves its argument as
    it is. Whatever ends the block, the model has its own activations again. In decoding with a cache (`generate`) a
    function sees only the new tokens: it may add a vector at each, but the first is not position 0. A Transformer's
    `step` does not call its blocks, so they cannot be replaced there. Raises ValueError for a place that the model does
    not have or did not pass through, and for a replacement of a different shape.

    >>> from course_lib.gpt import GPT, GPTConfig
    >>> model, tokens = GPT(GPTConfig(vocab_size=11)), torch.tensor([[1, 2, 3]])
    >>> with replaced(model, {"norm": lambda x: 0 * x}):
    ...     model(tokens).any().item(), model(tokens).shape
    (False, torch.Size([1, 3, 11]))
    """
    require(isinstance(model, nn.Module), "the model must be a torch.nn.Module", model)
    require(isinstance(changes, Mapping), "changes must be a dictionary from places to tensors or functions", changes)
    idle = set(changes)

    def change(place: str, x: Tensor) -> Tensor:
        idle.discard(place)
        new = changes[place] if isinstance(changes[place], Tensor) else changes[place](x)
        fits = isinstance(new, Tensor) and new.shape == x.shape
        require(fits, f"the replacement at {place} must be a tensor of shape {tuple(x.shape)}", new)
        return new

    with ExitStack() as hooks:
        for place in texts_of("places", list(changes)):
            known = isinstance(changes[place], Tensor) or callable(changes[place])
            require(known, f"the replacement at {place} must be a tensor or a function", changes[place])
            hooks.callback(_hook(model, place, partial(change, place)).remove)
        yield
    if idle:
        raise ValueError(f"in this block the model must pass through each place, but not once through {sorted(idle)}")


def _hook(model: nn.Module, place: str, change: Change) -> RemovableHandle:
    """Have `change` called with the activation at a place; the pass continues from what it returns."""
    modules = dict(model.named_modules())
    if place in modules:
        return modules[place].register_forward_hook(
            lambda module, given, x: (change(x[0]), *x[1:]) if isinstance(x, tuple) else change(x)
        )
    name, kind, head = re.fullmatch(r"(?s)(.*?)\.?(input|heads)?(?:\.(\d+))?", place).groups()
    module = modules.get(name)
    if module is not None and kind == "heads" and hasattr(module, "n_heads"):
        n_heads, module = module.n_heads, module.output
        require(head is None or int(head) < n_heads, f"heads of {name} must be below {n_heads}", head)
        return module.register_forward_pre_hook(lambda module, given: _with_heads(given[0], n_heads, head, change))
    known = module is not None and kind == "input" and head is None
    require(known, "a place must be a module's name, with .input after it, or an attention's with .heads", place)
    return module.register_forward_pre_hook(lambda module, given: (change(given[0]), *given[1:]))


def _with_heads(x: Float[Tensor, "B T C"], n_heads: int, head: str | None, change: Change) -> Float[Tensor, "B T C"]:
    """All heads changed together, or a single one."""
    heads = x.unflatten(-1, (n_heads, -1)).transpose(1, 2)  # (B, H, T, D)
    if head is None:
        heads = change(heads)
    else:
        each = list(heads.unbind(1))
        each[int(head)] = change(each[int(head)])
        heads = torch.stack(each, dim=1)
    return heads.transpose(1, 2).flatten(2)


def streams(model: nn.Module, blocks: str = "blocks") -> list[str]:
    """The places of the residual stream: before the first block, and after each. `blocks` is the name of their list.

    >>> from course_lib.transformer import Transformer, TransformerConfig
    >>> streams(Transformer(TransformerConfig(vocab_size=11, d_model=8, n_decoder_layers=2)), "decoder")
    ['decoder.0.input', 'decoder.0', 'decoder.1']
    """
    found = dict(model.named_modules()).get(blocks) if isinstance(model, nn.Module) else None
    require(isinstance(found, nn.ModuleList), "blocks must be the name of a model's list of blocks", blocks)
    return [f"{blocks}.0.input", *(f"{blocks}.{layer}" for layer in range(len(found)))]


def logit_lens(model: DecoderOnly, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "L B T V"]:
    """The logits if the model ended early: its last norm and unembedding, applied before and after each block.

    The idea is nostalgebraist's (2020). L is n_layers + 1, and the last of them are the model's own logits.
    """
    _require_decoder(model)
    with evaluating(model), torch.no_grad():
        with recorded_activations(model, streams(model)) as found:
            model(tokens)
        return torch.stack([model.logits(model.norm(found[place])) for place in streams(model)])


def patching_map(
    model: nn.Module,
    clean: Ids,
    corrupted: Ids,
    metric: Callable[[Tensor], Tensor],
    places: Iterable[str] | None = None,
) -> Float[Tensor, "P T"]:
    """Activation patching (Meng et al., 2022, section 2.1): what the activation at one place and position restores.

    The model reads the corrupted text, but there it gets the clean text's activation. `metric` is a function from
    logits (N, T, V) to N numbers. The result is 0 where the metric stays as for the corrupted text and 1 where it
    becomes that of the clean one. Without `places`, the `streams` are patched. Raises ValueError for texts of different
    lengths, and for a metric that cannot tell them apart.
    """
    pair = [ids_of("clean", clean).tolist(), ids_of("corrupted", corrupted).tolist()]
    require(len(pair[0]) == len(pair[1]), f"corrupted must have {len(pair[0])} tokens, as clean has", len(pair[1]))
    places, shares = streams(model) if places is None else texts_of("places", places), []
    with evaluating(model) as device, torch.no_grad():
        tokens = torch.tensor(pair, device=device)
        with recorded_activations(model, places) as found:
            both = metric(model(tokens))
        require_tensor("the metric's values", both, 2)
        best, worst = both.tolist()
        require(best != worst, "the metric must differ between clean and corrupted", best)
        rows = tokens[1].expand(len(tokens[1]), -1)  # in row t, position t is patched
        for place in places:
            with replaced(model, {place: partial(_patched, kept=found[place][:1])}):
                shares.append((metric(model(rows)) - worst) / (best - worst))
    return torch.stack(shares)


def _patched(x: Float[Tensor, "T *H T D"], kept: Float[Tensor, "1 *H T D"]) -> Float[Tensor, "T *H T D"]:
    """The activations of T rows, of which row t has the kept one at position t."""
    own = torch.eye(len(x), dtype=torch.bool, device=x.device)
    return torch.where(own.view(len(x), *[1] * (x.ndim - 3), len(x), 1), kept, x)


class Attribution(NamedTuple):
    """The parts of a difference between two logits, in logits: all of them sum to it."""

    embedding: Float[Tensor, " B"]  # of the last token, with its position in a GPT
    heads: Float[Tensor, "B L H"]
    feed_forwards: Float[Tensor, "B L"]
    biases: Float[Tensor, " B"]  # of the attentions' output matrices, and of the last norm


def direct_attribution(
    model: DecoderOnly, tokens: Int[Tensor, "B T"], right: Int[Tensor, " B"], wrong: Int[Tensor, " B"]
) -> Attribution:
    """What each part of the model adds directly to logit(right) - logit(wrong) after the last token of each row.

    The final stream is the sum of what all parts write. With the divisor of the last norm kept constant, the difference
    is therefore a sum as well (Elhage et al., 2021; Wang et al., 2023, section 3). Effects that pass through later
    parts are counted as those parts'.
    """
    _require_decoder(model)
    require_tensor("tokens", tokens, "batch", "time", integers=True)
    for name, ids in (("right", right), ("wrong", wrong)):
        require_tensor(name, ids, len(tokens), integers=True)
    layers = [f"blocks.{layer}" for layer in range(model.config.n_layers)]
    places = [f"{layer}.{part}" for layer in layers for part in ("attention.heads", "feed_forward")]
    with evaluating(model), torch.no_grad():
        with recorded_activations(model, ["blocks.0.input", *places, "norm.input"]) as found:
            model(tokens)
        last = {place: x[..., -1, :] for place, x in found.items()}  # (B, C), or (B, H, D) of heads
        unembedding = model.embedding if getattr(model, "output", None) is None else model.output
        direction, biases = _before(
            model.norm, unembedding.weight[right] - unembedding.weight[wrong], last["norm.input"]
        )
        heads = []
        for layer, block in zip(layers, model.blocks, strict=True):
            output, each = block.attention.output, last[f"{layer}.attention.heads"]
            heads.append(((direction @ output.weight).view_as(each) * each).sum(-1))  # (B, H)
            if output.bias is not None:
                biases = biases + direction @ output.bias
        feed_forwards = [(last[f"{layer}.feed_forward"] * direction).sum(-1) for layer in layers]
        embedding = (last["blocks.0.input"] * direction).sum(-1)
        return Attribution(embedding, torch.stack(heads, 1), torch.stack(feed_forwards, 1), biases)


def _before(
    norm: nn.Module, direction: Float[Tensor, "B C"], stream: Float[Tensor, "B C"]
) -> tuple[Float[Tensor, "B C"], Float[Tensor, " B"]]:
    """The direction d' with d'·stream + b = direction·norm(stream), where the norm's divisor is a constant; and b."""
    weighted, bias = direction * norm.weight, direction.new_zeros(len(direction))
    if isinstance(norm, nn.LayerNorm):
        stream = stream - stream.mean(-1, keepdim=True)
        weighted, bias = weighted - weighted.mean(-1, keepdim=True), direction @ norm.bias
    return weighted / (stream.square().mean(-1, keepdim=True) + norm.eps).sqrt(), bias


def induction_scores(model: nn.Module, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "L H"]:
    """How much each head attends, from a token's second occurrence, to what followed the first (Olsson et al., 2022).

    Each row is a random sequence, twice. The score is the mean weight over the second half, between 0 and 1. The null
    is the same model untrained, whose scores are about 1 / T. Raises ValueError for rows that are not repeated.
    """
    require_tensor("tokens", tokens, "batch", "time", integers=True)
    half = tokens.shape[1] // 2
    repeated = half > 0 and torch.equal(tokens[:, :half], tokens[:, half:])
    require(repeated, "each row of tokens must be a sequence and then the same sequence", tokens)
    with evaluating(model), torch.no_grad(), recorded(model) as maps:
        model(tokens)
    return torch.stack([weights.diagonal(1 - half, -2, -1)[..., 1:].mean((0, 2)) for [weights] in maps.values()])


def ablation(heads: Iterable[tuple[int, int]], usual: Mapping[str, Tensor] | None = None) -> dict[str, Change]:
    """What `replaced` needs to switch off heads, each given as (layer, head): their outputs become a mean, or 0.

    `usual` is what `recorded_activations` found at "blocks.{layer}.attention.heads" on a reference text; the mean is
    over its rows and positions. Without `usual` the outputs become 0, which the later layers may never have met.

    >>> ablation([(3, 1)])["blocks.3.attention.heads.1"](torch.ones(1, 2))
    tensor([[0., 0.]])
    """
    changes: dict[str, Change] = {}
    for pair in heads:
        fits = isinstance(pair, tuple | list) and len(pair) == 2
        require(fits, "heads must be pairs (layer, head)", pair)
        place = f"blocks.{pair[0]}.attention.heads"
        if usual is None:
            changes[f"{place}.{pair[1]}"] = torch.zeros_like
        else:
            require(place in usual, f"usual must have the activations at {place}", list(usual))
            mean = usual[place][:, pair[1]].mean((0, 1))  # (D)
            changes[f"{place}.{pair[1]}"] = mean.expand_as
    return changes


class Probe(NamedTuple):
    """The held-out accuracy of a linear probe, and the two numbers to compare it with."""

    accuracy: float
    control: float  # accuracy of the same kind of probe on shuffled labels
    majority: float  # accuracy of the most common training label
    right: Bool[np.ndarray, " M"]  # which held-out rows it classifies correctly, for an interval


def linear_probe(
    features: Float[Tensor, "N C"] | ArrayLike,
    labels: ArrayLike,
    held_out: ArrayLike,
    *,
    keys: Any = None,
    seed: int = 0,
) -> Probe:
    """Logistic regression from activations to labels, trained on the rows that are not held out, and its control task.

    In the control task (Hewitt and Liang, 2019, section 2) the labels are shuffled among the keys. If the keys are
    words, a probe can memorise each word's label, and the control shows how far that takes it. Without keys, the labels
    are shuffled among the rows, and the control is chance. Features are standardised with the training rows' mean and
    deviation. Raises ValueError for rows that do not match, and for training rows with a single label.
    """
    x, y, test = require_finite("features", features), np.asarray(labels), np.asarray(held_out)
    require(x.ndim == 2, "features must be rows of numbers", features)
    require(y.shape == (len(x),), f"labels must be {len(x)}, one for each row of features", y.shape)
    mask = test.dtype == bool and test.shape == y.shape and test.any()
    require(mask, f"held_out must be {len(x)} booleans, some of them True", held_out)
    require(keys is None or len(keys) == len(x), f"keys must be {len(x)}, one for each row of features", keys)
    require_integer("seed", seed, at_least=0)
    rows = np.arange(len(x)) if keys is None else np.asarray(keys)
    _, first, key = np.unique(rows, return_index=True, return_inverse=True)
    shuffled = np.random.default_rng(seed).permutation(y[first])[key]
    right, control = _probed(x, y, test), _probed(x, shuffled, test)
    kinds, counts = np.unique(y[~test], return_counts=True)
    majority = y[test] == kinds[counts.argmax()]
    return Probe(float(right.mean()), float(control.mean()), float(majority.mean()), right)


def _probed(x: Float[np.ndarray, "N C"], y: np.ndarray, test: Bool[np.ndarray, " N"]) -> Bool[np.ndarray, " M"]:
    """Whether a probe trained on the other rows predicts each held-out label."""
    require(len(set(y[~test].tolist())) > 1, "the training rows must have at least two labels", y[~test])
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return probe.fit(x[~test], y[~test]).predict(x[test]) == y[test]


def _require_decoder(model: Any) -> None:
    require(isinstance(model, DecoderOnly), "the model must be a GPT or a ModernGPT", type(model).__name__)
