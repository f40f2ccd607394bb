"""Borders of `quantisation`, of speculative decoding and of `serving`."""

import math

import torch
from course_lib.generation import GenerationConfig
from course_lib.generation.speculative import DraftModel, PromptLookup, speculate
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
from course_lib.serving import ServingConfig, create_app
from course_lib.tokenizers import CharTokenizer
from torch import nn

from borders import Border

PLAIN = QuantisationConfig()
WEIGHTS = torch.ones(2, 6)


def gpt():
    return GPT(GPTConfig(vocab_size=7, context_length=5, d_model=4, n_layers=1, n_heads=2))


class Stepping:
    """A model that reads one token at a time."""

    def start(self, source, lengths):
        return None

    def step(self, tokens, state):
        return torch.zeros(len(tokens), 7), None


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

PENALTY = GenerationConfig(repetition_penalty=1.2)
GREEDY = GenerationConfig(max_new_tokens=2, temperature=0)


def guessed(prompt=(1, 2), config=GREEDY, drafter=PromptLookup(), generator=None, model=None):  # noqa: B008
    return speculate(model or gpt(), prompt, config, drafter, generator)


SPECULATION = [
    Border(
        "generation.speculative.speculate",
        "a model that only steps",
        lambda: guessed(model=Stepping()),
        "model must have extend, truncate and room, as a GPT",
    ),
    Border("generation.speculative.speculate", "a tokenizer as model", lambda: guessed(model="gpt"), "model must have start and step"),
    Border("generation.speculative.speculate", "several prompts", lambda: guessed([[1], [2]]), "prompts[0] must be integers (ids)"),
    Border("generation.speculative.speculate", "an empty prompt", lambda: guessed([]), "each prompt needs at least one token"),
    Border("generation.speculative.speculate", "an id beyond the vocabulary", lambda: guessed([7]), "must be ids from 0 to 6"),
    Border("generation.speculative.speculate", "too long a prompt", lambda: guessed([1] * 6), "must fit into the model's context"),
    Border("generation.speculative.speculate", "settings as a dictionary", lambda: guessed(config={}), "config must be a GenerationConfig"),
    Border("generation.speculative.speculate", "a penalty", lambda: guessed(config=PENALTY), "repetition_penalty must be 1, but it is 1.2"),
    Border(
        "generation.speculative.speculate",
        "an encoder-decoder's config",
        lambda: guessed(config=GenerationConfig(begin_token=1)),
        "begin_token must be None",
    ),
    Border("generation.speculative.speculate", "a number of guesses", lambda: guessed(drafter=4), "drafter must have draft (see PromptLookup), but it is 4"),
    Border("generation.speculative.speculate", "a seed", lambda: guessed(generator=3), "a generator must be a torch.Generator on the CPU, but it is 3"),
    Border(
        "generation.speculative.speculate",
        "a draft model of another vocabulary",
        lambda: guessed(drafter=DraftModel(model=GPT(GPTConfig(vocab_size=9, d_model=4, n_layers=1, n_heads=2)))),
        "the drafts must be distributions over 7 tokens",
    ),
    *(
        Border(f"generation.speculative.{kind.__name__}", f"{field} = {value!r}", lambda make=make, value=value: make(value), f"{field} must be {words}")
        for kind, field, make in (
            (PromptLookup, "n_drafts", lambda value: PromptLookup(n_drafts=value)),
            (PromptLookup, "longest", lambda value: PromptLookup(longest=value)),
            (DraftModel, "n_drafts", lambda value: DraftModel(model=gpt(), n_drafts=value)),
        )
        for value, words in ((0, "at least 1, but it is 0"), (2.5, "an integer, but it is 2.5"))
    ),
    Border(
        "generation.speculative.DraftModel",
        "a model that only steps",
        lambda: DraftModel(model=Stepping()),
        "model must have extend, truncate and room, as a GPT",
    ),
]

LETTERS = CharTokenizer.train("abcdefg")


def limits(**changes):
    return lambda: ServingConfig(**changes)


SERVING = [
    Border("serving.ServingConfig", "no name", limits(name=""), "name must hold at least one character, but it is ''"),
    Border("serving.ServingConfig", "an empty token", limits(token=""), "token must be None or a text, but it is ''"),
    Border("serving.ServingConfig", "a number for a token", limits(token=1), "token must be a string, but it is 1"),
    Border("serving.ServingConfig", "no rows", limits(rows=0), "rows must be at least 1, but it is 0"),
    Border("serving.ServingConfig", "a negative queue", limits(waiting=-1), "waiting must be at least 0, but it is -1"),
    Border("serving.ServingConfig", "half a token", limits(max_tokens=0.5), "max_tokens must be an integer, but it is 0.5"),
    Border("serving.ServingConfig", "no bytes", limits(max_bytes=0), "max_bytes must be at least 1, but it is 0"),
    Border("serving.ServingConfig", "no time", limits(seconds=0), "seconds must be above 0 and finite, but it is 0"),
    Border("serving.create_app", "limits as a dictionary", lambda: create_app(gpt(), LETTERS, {"rows": 2}), "config must be a ServingConfig"),
    Border("serving.create_app", "no tokenizer", lambda: create_app(gpt(), None), "tokenizer must be a Tokenizer, but it is None"),
    Border("serving.create_app", "exchanged", lambda: create_app(LETTERS, gpt()), "model must have start and step"),
    Border("serving.create_app", "another's tokenizer", lambda: create_app(gpt(), CharTokenizer.train("abcdefgh")), "at most the model's 7, but it is 8"),
    Border("gpt.GPT.join", "no states", lambda: gpt().join([]), "states must hold at least one state, but it is []"),
]

BORDERS = [*QUANTISATION, *SPECULATION, *SERVING]
NOTHING = {
    "quantisation.Quantised": "`quantise` makes it",
}
