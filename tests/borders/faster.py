"""Borders of `quantisation`."""

import math

import torch
from course_lib.gpt import GPT, GPTConfig
from course_lib.quantisation import (
    QuantisationConfig,
    QuantisedLinear,
    quantise,
    quantise_dynamically,
    quantise_model,
    relative_error,
    stored_bytes,
)
from torch import nn

from borders import Border

PLAIN = QuantisationConfig()
WEIGHTS = torch.ones(2, 6)


def gpt():
    return GPT(GPTConfig(vocab_size=7, context_length=5, d_model=4, n_layers=1, n_heads=2))


def settings(**changes):
    return lambda: QuantisationConfig(**changes)


QUANTISATION = [
    Border("quantisation.QuantisationConfig", "1 bit", settings(bits=1), "bits must be at least 2 and at most 8, but it is 1"),
    Border("quantisation.QuantisationConfig", "16 bits", settings(bits=16), "bits must be at least 2 and at most 8, but it is 16"),
    Border("quantisation.QuantisationConfig", "bits in words", settings(bits="4"), "bits must be an integer, but it is '4'"),
    Border("quantisation.QuantisationConfig", "a block of 0", settings(block=0), "block must be at least 1, but it is 0"),
    Border("quantisation.QuantisationConfig", "a zero point", settings(zero_point=8), "zero_point must be True or False, but it is 8"),
    Border("quantisation.QuantisationConfig.bits_per_weight", "no width", lambda: PLAIN.bits_per_weight(0), "width must be at least 1"),
    *(
        Border(f"quantisation.{name}", mistake, lambda call=call, weights=weights: call(weights, PLAIN), words)
        for name, call in {"quantise": quantise, "relative_error": relative_error}.items()
        for mistake, weights, words in (
            ("a list", [[1.0]], "weights must be a matrix of floating-point numbers"),
            ("integers", torch.ones(2, 3).int(), "weights must be a matrix of floating-point numbers, but it is a tensor"),
            ("one row", torch.ones(3), "weights must be a matrix of floating-point numbers"),
            ("no weights", torch.ones(0, 3), "weights must be a matrix of floating-point numbers"),
            ("NaN", torch.tensor([[1.0, math.nan]]), "weights must be finite"),
            ("infinity", torch.tensor([[1.0, math.inf]]), "weights must be finite"),
            ("too large for half precision", torch.tensor([[1e8]]), "weights must be finite, and their scales below 65504"),
        )
    ),
    Border("quantisation.quantise", "a block that does not divide", lambda: quantise(WEIGHTS, QuantisationConfig(block=4)), "block must divide the 6 weights"),
    Border("quantisation.quantise", "bits for a config", lambda: quantise(WEIGHTS, 4), "config must be a QuantisationConfig, but it is 4"),
    Border("quantisation.QuantisedLinear", "weights for a layer", lambda: QuantisedLinear(WEIGHTS, PLAIN), "layer must be a torch.nn.Linear"),
    Border("quantisation.QuantisedLinear", "bits for a config", lambda: QuantisedLinear(nn.Linear(2, 2), 8), "config must be a QuantisationConfig"),
    Border("quantisation.quantise_model", "a config", lambda: quantise_model(PLAIN, PLAIN), "the model must be a torch.nn.Module"),
    Border("quantisation.quantise_model", "a model without layers", lambda: quantise_model(nn.ReLU(), PLAIN), "the model must have Linear layers"),
    Border("quantisation.quantise_model", "a single layer", lambda: quantise_model(nn.Linear(2, 2), PLAIN), "the model must have Linear layers"),
    Border("quantisation.quantise_model", "bits for a config", lambda: quantise_model(gpt(), 4), "config must be a QuantisationConfig, but it is 4"),
    Border("quantisation.quantise_model", "one name", lambda: quantise_model(gpt(), PLAIN, "output"), "leave_out must be several texts, but it is one"),
    Border("quantisation.quantise_model", "an unknown name", lambda: quantise_model(gpt(), PLAIN, ["head"]), "leave_out must name layers, as 'blocks.0."),
    Border("quantisation.quantise_dynamically", "an encoder-decoder", lambda: quantise_dynamically(nn.Linear(2, 2)), "must be a GPT or a ModernGPT"),
    Border("quantisation.quantise_dynamically", "an unknown name", lambda: quantise_dynamically(gpt(), ["head"]), "leave_out must name layers"),
    Border("quantisation.stored_bytes", "a tensor", lambda: stored_bytes(WEIGHTS), "the model must be a torch.nn.Module"),
]

BORDERS = QUANTISATION
NOTHING = {"quantisation.Quantised": "`quantise` makes it"}
