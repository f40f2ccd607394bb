"""Looking inside a model: activations read and replaced while it runs, and five measurements that build on this.

A place names one activation. It is a module's name, as in `model.named_modules()`, for what the module returns; with
".input" after it, what the module is given; with ".heads" after an attention's name, the outputs of all its heads
(B, H, T, D), before the matrix that mixes them; with ".heads.4", those of head 4 alone (B, T, D). In a GPT of ours:
"blocks.3" is the residual stream after block 3, "blocks.3.attention" and "blocks.3.feed_forward" are what its two
sublayers add, "blocks.0.input" is the embedding, "norm.input" the last stream. Of a recurrent layer it is the outputs,
not the state. Attention weights are recorded by `attention.recorded`.

Axes: B batch, T position, L layers, H heads, D per-head width, C d_model, V vocabulary, P places, N rows.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from course_lib.validation import ids_of, require, require_finite, require_integer, texts_of

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

    They belong to the graph of the pass, so gradients with respect to them can be asked for. Where recording and
    replacing are nested, the inner block sees what the outer one has put there. Raises ValueError for a place that the
    model does not have, for a second pass (decoding with a cache makes one for each token), and if none came by.

    >>> from course_lib.gpt import GPT, GPTConfig
    >>> model = GPT(GPTConfig(vocab_size=11, d_model=12, n_heads=3))
    >>> with recorded_activations(model, ["blocks.2", "blocks.2.attention.heads"]) as found:
    ...     logits = model(torch.tensor([[1, 2, 3, 4, 5]]))
    >>> {place: tuple(x.shape) for place, x in found.items()}
    {'blocks.2.attention.heads': (1, 3, 5, 4), 'blocks.2': (1, 5, 12)}
    """
    found: dict[str, Tensor] = {}

    def recorder(place: str) -> Change:
        def record(x: Tensor) -> Tensor:
            once = "a block of recorded_activations must hold one forward pass (decoding with a cache makes several)"
            require(place not in found, once, f"a second pass through {place}")
            found[place] = x
            return x

        return record

    with _changed(model, {place: recorder(place) for place in texts_of("places", places)}):
        yield found


@contextmanager
def replaced(model: nn.Module, changes: Mapping[str, Tensor | Change]) -> Iterator[None]:
    """The model with other activations at some places: a tensor, or a function of what the model computed there.

    The rest of the pass goes on from the new activations. Whatever ends the block, the model is then as it was. In
    decoding with a cache (`generate`) a function sees the new tokens alone, so it may add a vector at every position,
    but it must not count positions; a Transformer's and a Seq2Seq's `step` go around their blocks. Raises ValueError
    for a place that the model does not have, for a replacement of another shape, and for a place where nothing came by.

    >>> from course_lib.gpt import GPT, GPTConfig
    >>> model, tokens = GPT(GPTConfig(vocab_size=11)), torch.tensor([[1, 2, 3]])
    >>> with replaced(model, {"norm": lambda x: 0 * x}):
    ...     model(tokens).any().item(), model(tokens).shape
    (False, torch.Size([1, 3, 11]))
    """
    require(isinstance(changes, Mapping), "changes must be a dictionary from places to tensors or functions", changes)

    def checked(place: str, change: Any) -> Change:
        require(callable(change) or isinstance(change, Tensor), f"{place} must become a tensor or a function", change)

        def replace(x: Tensor) -> Tensor:
            new = change if isinstance(change, Tensor) else change(x)
            fits = isinstance(new, Tensor) and new.shape == x.shape
            require(fits, f"the replacement at {place} must have the shape {tuple(x.shape)}", new)
            return new

        return replace

    with _changed(model, {place: checked(place, changes[place]) for place in texts_of("places", list(changes))}):
        yield


@contextmanager
def _changed(model: nn.Module, changes: dict[str, Change]) -> Iterator[None]:
    """The model with hooks that change activations; at the end each must have been called."""
    require(isinstance(model, nn.Module), "the model must be a torch.nn.Module", model)
    idle = set(changes)

    def noticed(place: str, change: Change) -> Change:
        def called(x: Tensor) -> Tensor:
            idle.discard(place)
            return change(x)

        return called

    with ExitStack() as hooks:
        for place, change in changes.items():
            hooks.callback(_hook(model, place, noticed(place, change)).remove)
        yield
    for place in idle:
        raise ValueError(f"the model must run in this block, and pass through {place}, but nothing came by there")


def _hook(model: nn.Module, place: str, change: Change) -> RemovableHandle:
    """PyTorch's hook by which `change` gets the activation at a place and returns what goes on instead."""
    modules = dict(model.named_modules())
    if place in modules:
        return modules[place].register_forward_hook(
            lambda module, given, x: (change(x[0]), *x[1:]) if isinstance(x, tuple) else change(x)
        )
    name, kind, head = re.fullmatch(r"(.*?)\.?(input|heads)?(?:\.(\d+))?", place).groups()
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
    """The logits if the model ended early: last norm and unembedding applied to the stream before and after each block.

    nostalgebraist (2020). There are n_layers + 1 rows; the last holds the model's own logits.
    """
    _require_decoder(model)
    with evaluating(model), torch.no_grad():
        with recorded_activations(model, streams(model)) as found:
            model(tokens)
        return torch.stack([model.logits(model.norm(found[place])) for place in streams(model)])


def patching_map(
    model: nn.Module,
    clean: Int[Tensor, " T"] | Sequence[int],
    corrupted: Int[Tensor, " T"] | Sequence[int],
    metric: Callable[[Tensor], Tensor],
    places: Sequence[str] | None = None,
) -> Float[Tensor, "P T"]:
    """How much of a metric comes back when the clean text's activation stands at one place and position of a corrupted
    text's pass: 0 nothing, 1 all of it (activation patching; Meng et al., 2022, section 2.1).

    `metric` gets logits (N, T, V) and returns a number for each row. `places` None are the `streams`. Raises ValueError
    for texts of different lengths, and for a metric that is the same for both.
    """
    texts = {"clean": clean, "corrupted": corrupted}
    pair = [ids_of(name, ids, model.config.vocab_size).tolist() for name, ids in texts.items()]
    require(len(pair[0]) == len(pair[1]), f"corrupted must have {len(pair[0])} tokens, as clean has", len(pair[1]))
    places, shares = streams(model) if places is None else texts_of("places", places), []
    with evaluating(model) as device, torch.no_grad():
        tokens = torch.tensor(pair, device=device)
        with recorded_activations(model, places) as found:
            best, worst = metric(model(tokens)).tolist()
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

    The stream is a sum of what all parts write. So the difference is a sum too, once the last norm divides by the same
    number as in this pass (Elhage et al., 2021; Wang et al., 2023, section 3). What a part does by way of later parts
    counts as theirs.
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


def induction_scores(model: DecoderOnly, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "L H"]:
    """How much each head attends, from a token's second occurrence, to what followed the first (Olsson et al., 2022).

    Each row is a random sequence, then the same once more; a score is the mean weight over its second half, from 0 to
    1. Raises ValueError for rows that are not repeated. The null is an untrained model, or chance: about 1 / T.
    """
    _require_decoder(model)
    require_tensor("tokens", tokens, "batch", "time", integers=True)
    half = tokens.shape[1] // 2
    repeated = half > 0 and torch.equal(tokens[:, :half], tokens[:, half:])
    require(repeated, "each row of tokens must be a sequence and then the same sequence", tokens)
    with evaluating(model), torch.no_grad(), recorded(model) as maps:
        model(tokens)
    weights = [maps[f"blocks.{layer}.attention"][0] for layer in range(model.config.n_layers)]
    return torch.stack([each.diagonal(1 - half, -2, -1)[..., 1:].mean((0, 2)) for each in weights])


def ablation(heads: Iterable[tuple[int, int]], usual: Mapping[str, Tensor] | None = None) -> dict[str, Change]:
    """Changes for `replaced` that switch off heads, given as (layer, head): by their mean, or by zeros.

    `usual` is what `recorded_activations` found at "blocks.{layer}.attention.heads" on a reference text; the mean is
    over its rows and positions. Without it the outputs become 0, which a model may never have seen there.

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
    """What a linear probe gets right of the held-out rows, and what it must be compared with."""

    accuracy: float
    control: float  # of the same probe on random labels: what it can learn without any help from the features
    majority: float  # of the most common training label
    right: Bool[np.ndarray, " N"]  # which held-out rows, for an interval


def linear_probe(
    features: Float[Tensor, "N C"] | ArrayLike,
    labels: Sequence[Any] | ArrayLike,
    held_out: Sequence[bool] | ArrayLike,
    *,
    keys: Sequence[Any] | None = None,
    seed: int = 0,
) -> Probe:
    """Logistic regression from activations to labels, trained on the rows that are not held out, and its control task.

    In the control each key has one random label, drawn as the labels are distributed (Hewitt and Liang, 2019, section
    2): give the words as keys, and the probe may learn them by heart as well as before. Without keys, each row has a
    random label of its own. Features are standardised by the training rows. Raises ValueError for rows that do not
    match, and for training rows that all have one label.
    """
    x, y, test = require_finite("features", features), np.asarray(labels), np.asarray(held_out)
    require(x.ndim == 2, "features must be rows of numbers", features)
    require(y.shape == (len(x),), f"labels must be {len(x)}, one for each row of features", y.shape)
    mask = test.dtype == bool and test.shape == y.shape and test.any()
    require(mask, f"held_out must be {len(x)} booleans, some of them True", held_out)
    require(keys is None or len(keys) == len(x), f"keys must be {len(x)}, one for each row of features", keys)
    require_integer("seed", seed, at_least=0)
    known, at = np.unique(np.arange(len(x)) if keys is None else np.asarray(keys), return_inverse=True)
    random_labels = np.random.default_rng(seed).choice(y, len(known))[at]
    right, control = _probed(x, y, test), _probed(x, random_labels, test)
    kinds, counts = np.unique(y[~test], return_counts=True)
    majority = y[test] == kinds[counts.argmax()]
    return Probe(float(right.mean()), float(control.mean()), float(majority.mean()), right)


def _probed(x: Float[np.ndarray, "N C"], y: np.ndarray, test: Bool[np.ndarray, " N"]) -> Bool[np.ndarray, " N"]:
    """Which held-out labels a probe predicts that was trained on the others."""
    require(len(set(y[~test].tolist())) > 1, "the training rows must have at least two labels", y[~test])
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return probe.fit(x[~test], y[~test]).predict(x[test]) == y[test]


def _require_decoder(model: Any) -> None:
    require(isinstance(model, DecoderOnly), "the model must be a GPT or a ModernGPT", type(model).__name__)
