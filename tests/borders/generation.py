"""Borders of `generation` and `gpt`, and of attention with a cache."""

import math

import numpy as np
import torch
from course_lib.attention import GroupedQueryAttention
from course_lib.generation import (
    BeamConfig,
    GenerationConfig,
    answer_steps,
    answers,
    beam_search,
    beam_steps,
    generate,
    generate_text,
    greedy,
    penalise_repetition,
    sample,
    stream,
    top_k,
    top_p,
)
from course_lib.gpt import GPT, GPTConfig, ModernGPT, ModernGPTConfig, build, preset
from course_lib.recurrent import RecurrentLM, RecurrentLMConfig
from course_lib.tokenizers import CharTokenizer
from torch import Generator

from borders import Border

LETTERS = CharTokenizer.train("abcdefg")
OTHERS = CharTokenizer.train("abcdefgh")
SIZES = {"vocab_size": 7, "context_length": 5, "d_model": 4, "n_layers": 1, "n_heads": 2}
MODEL = GPT(GPTConfig(**SIZES))
PLAIN = GenerationConfig(max_new_tokens=2)
BEAM = {"begin_token": 1, "end_token": 2}
LOGITS = torch.zeros(2, 3)
NAN = torch.tensor([0.0, math.nan])


class Tiny:
    """The least that decoding asks for: no config, so the vocabulary is not known."""

    def __init__(self, logits=LOGITS[0]):
        self.logits = logits

    def start(self, source, lengths):
        return None

    def step(self, tokens, state):
        return self.logits.expand(len(tokens), -1), None

    def reorder(self, state, rows):
        return None


def decoded(model, prompts, config=PLAIN, generator=None):
    return generate(model, prompts, config, generator)


def written(prompts, tokenizer=LETTERS, model=MODEL, stop=(), config=PLAIN):
    return generate_text(model, tokenizer, prompts, config, stop=stop)


def searched(sources, model=MODEL, config=None, **settings):
    return beam_search(model, sources, config or BeamConfig(**BEAM | settings))


# What is wrong with prompts, whoever gets them: (mistake, prompts, what is said after the argument's name).
IDS = [
    ("one prompt", [1, 2, 3], " must be several sequences of ids, but it is one: put it in a list"),
    ("one prompt, a tensor", torch.tensor([1, 2]), " must be several sequences of ids, but it is one"),
    ("a text", "abc", " must be several sequences of ids, a list of lists for example, but it is 'abc'"),
    ("none", None, " must be several sequences of ids"),
    ("a dictionary", {1: [2]}, " must be several sequences of ids"),
    ("None among them", [[1], None], "[1] must be a sequence of ids, a list for example, but it is None"),
    ("a negative id", [[1], [2, -1]], "[1] must be ids from 0 to 6 (vocab_size - 1), but at position 1 there is -1"),
    ("an id beyond the vocabulary", [[7]], "[0] must be ids from 0 to 6 (vocab_size - 1), but at position 0 there is 7"),
    ("a fraction", [[1, 1.0]], "[0] must be integers (ids), but at position 1 there is 1.0"),
    ("True", [[1, True]], "[0] must be integers (ids), but at position 1 there is True"),
    ("fractions in an array", np.ones((1, 2)), "[0] must be integers (ids), but it is an array"),
    ("fractions in a tensor", torch.ones(1, 2), "[0] must be integers (ids), but it is a tensor"),
    ("an axis too many", torch.ones(1, 1, 2).long(), "[0] must be one sequence of ids, but it is a tensor"),
    ("text as ids", [["a"]], "[0] must be integers (ids), but at position 0 there is 'a'"),
    ("one without a token", [[1], []], " needs at least one token, but "),
    ("no prompts", [], " needs at least one token, but there are none"),
    ("one longer than the context", [[1], [2] * 6], "[1]"),
]

# The same of configs: (field, mistake, value, what is said).
NUMBERS = [
    ("max_new_tokens", 0, "must be at least 1, but it is 0"),
    ("max_new_tokens", 2.0, "must be an integer, but it is 2.0"),
    ("max_new_tokens", True, "must be an integer, but it is True"),
    ("max_new_tokens", None, "must be an integer, but it is None"),
    *(
        (token, value, words)
        for token in ("end_token", "begin_token")
        for value, words in (
            ([0], "must be an integer, but it is [0]"),
            ("<end>", "must be an integer, but it is '<end>'"),
            (True, "must be an integer, but it is True"),
            (1.0, "must be an integer, but it is 1.0"),
            (-1, "must be at least 0, but it is -1"),
            (torch.tensor([0]), "must be an integer, but it is a tensor of shape (1,)"),
        )
    ),
]
SAMPLING = [
    ("temperature", -0.1, "must be at least 0 and finite, but it is -0.1"),
    ("temperature", math.inf, "must be at least 0 and finite, but it is inf"),
    ("temperature", math.nan, "must be a number, but it is nan"),
    ("temperature", "0", "must be a number, but it is '0'"),
    ("temperature", False, "must be a number, but it is False"),
    ("top_k", 0, "must be at least 1, but it is 0"),
    ("top_k", 0.9, "must be an integer, but it is 0.9"),
    ("top_k", True, "must be an integer, but it is True"),
    ("top_p", 0, "must be above 0 and at most 1, but it is 0"),
    ("top_p", 90, "must be above 0 and at most 1, but it is 90"),
    ("top_p", None, "must be a number, but it is None"),
    ("top_p", math.nan, "must be a number, but it is nan"),
    ("repetition_penalty", 0, "must be above 0 and finite, but it is 0"),
    ("repetition_penalty", math.inf, "must be above 0 and finite, but it is inf"),
    ("repetition_penalty", math.nan, "must be a number, but it is nan"),
]
SEARCHING = [
    ("n_beams", 0, "must be at least 1, but it is 0"),
    ("n_beams", 2.5, "must be an integer, but it is 2.5"),
    ("length_penalty", -0.1, "must be at least 0 and finite, but it is -0.1"),
    ("length_penalty", math.nan, "must be a number, but it is nan"),
    ("length_penalty", "1", "must be a number, but it is '1'"),
    ("begin_token", None, "must be an integer, but it is None"),
]
SIZES_OF_GPT = [
    *((name, 0, "must be at least 1, but it is 0") for name in SIZES),
    *((name, 4.0, "must be an integer, but it is 4.0") for name in SIZES),
    ("vocab_size", True, "must be an integer, but it is True"),
    ("n_heads", 3, "must divide d_model, but they are 3 and 4"),
    ("dropout", 1, "must be at least 0 and below 1, but it is 1"),
    ("dropout", math.nan, "must be a number, but it is nan"),
    ("dropout", True, "must be a number, but it is True"),
]
SIZES_OF_MODERN = [
    *((name, 0, "must be at least 1, but it is 0") for name in (*SIZES, "n_kv_heads", "d_ff")),
    ("n_kv_heads", 3, "must divide n_heads, but they are 3 and 2"),
    ("d_model", 6, "/ n_heads must be even, as rotary positions go by pairs, but it is 3"),
    ("rotary_base", 1, "must be above 1 and finite, but it is 1"),
    ("rotary_base", math.nan, "must be a number, but it is nan"),
    ("norm_eps", 0, "must be above 0 and finite, but it is 0"),
    ("tied", "no", "must be True or False, but it is 'no'"),
]


def settings(of, kind, rows, **others):
    """A border for each field and value of a config."""
    for field, value, words in rows:
        call = lambda field=field, value=value: kind(**{**others, field: value})  # noqa: E731
        yield Border(f"{of}", f"{field} = {value!r}", call, f"{field} {words}")


BORDERS = [
    *(
        Border(f"generation.{of}", mistake, lambda call=call, prompts=prompts: call(prompts), words)
        for of, call in {
            "generate": lambda prompts: decoded(MODEL, prompts),
            "answers": lambda prompts: answers(MODEL, prompts, PLAIN),
            "answer_steps": lambda prompts: answer_steps(MODEL, prompts, PLAIN),
            "beam_search": searched,
            "beam_steps": lambda prompts: beam_steps(MODEL, prompts, BeamConfig(**BEAM)),
        }.items()
        for mistake, prompts, words in IDS
    ),
    Border("generation.generate", "an id too large, named", lambda: decoded(MODEL, [[1], [8]]), "prompts[1] must be ids"),
    Border(
        "generation.generate", "an id without a logit", lambda: decoded(Tiny(), [[1, 3]]), "ids must be from 0 to 2, as the model's logits are, but it is 3"
    ),
    Border("generation.generate", "an end token without a logit", lambda: decoded(Tiny(), [[1]], GenerationConfig(end_token=3)), "end_token must be at most 2"),
    Border("generation.generate", "a negative id, vocabulary unknown", lambda: decoded(Tiny(), [[-1]]), "of at least 0"),
    Border("generation.generate", "a prompt too long", lambda: decoded(MODEL, [[1] * 6]), "5 tokens (context_length)"),
    Border("generation.generate", "a tokenizer as model", lambda: decoded(LETTERS, [[1]]), "model must have start and step"),
    Border("generation.generate", "a config of beams", lambda: decoded(MODEL, [[1]], BeamConfig(**BEAM)), "GenerationConfig"),
    Border("generation.generate", "settings as a dictionary", lambda: decoded(MODEL, [[1]], {"top_k": 1}), "GenerationConfig"),
    *(
        Border(
            "generation.generate",
            f"{token} beyond the vocabulary",
            lambda token=token: decoded(MODEL, [[1]], GenerationConfig(**{token: 7})),
            f"{token} must be below vocab_size, which is 7, but it is 7",
        )
        for token in ("begin_token", "end_token")
    ),
    *(
        Border(
            "generation.generate",
            f"generators: {mistake}",
            lambda generator=generator: decoded(Tiny(), [[1], [2]], PLAIN, generator),
            words,
        )
        for mistake, generator, words in (
            ("one of two", [Generator()], "2 generators are needed, but there are 1"),
            ("none of two", [], "2 generators are needed, but there are 0"),
            ("a seed", 3, "a generator must be a torch.Generator on the CPU, but it is 3"),
            ("seeds", [3, 4], "a generator must be a torch.Generator on the CPU, but it is 3"),
        )
    ),
    *(
        Border(
            "generation.generate",
            f"logits of {name}, temperature {temperature}",
            lambda logits=logits, t=temperature: decoded(Tiny(logits), [[1]], GenerationConfig(temperature=t)),
            "logits must make a distribution",
        )
        for name, logits in (("NaN", NAN), ("+inf", NAN.nan_to_num(math.inf)), ("-inf", LOGITS[0] - math.inf))
        for temperature in (0, 1)
    ),
    *(
        Border("generation.generate_text", mistake, lambda prompts=prompts: written(prompts), words)
        for mistake, prompts, words in (
            ("one text", "abc", "prompts must be several texts, but it is one, 'abc': put it in a list"),
            ("the ids of one text", [1, 2, 3], "prompts must be several sequences of ids, but it is one"),
            ("no prompts", [], "each prompt needs at least one token, but there are none"),
            ("an empty text", ["a", ""], "each prompt needs at least one token, but prompts[1] is empty"),
            ("None", None, "prompts must be several texts"),
            ("None among texts", ["a", None], "prompts[1] must be a sequence of ids"),
            ("NaN among texts", ["a", math.nan], "prompts[1] must be a sequence of ids"),
            ("a dictionary", {"a": "b"}, "prompts must be several texts"),
            ("a lone surrogate", ["\ud800"], "surrogate"),
            ("a letter that is not known", ["abz"], "'z'"),
            ("too long a text", ["abcdef"], "prompts[0] must fit into the model's context, 5 tokens (context_length)"),
        )
    ),
    Border(
        "generation.generate_text",
        "an id that the tokenizer does not know",
        lambda: written([[6]], CharTokenizer.train("abc")),
        "ids from 0 to 2 (vocab_size - 1)",
    ),
    Border("generation.generate_text", "another's tokenizer", lambda: written(["a"], OTHERS), "at most the model's 7, but it is 8"),
    Border("generation.generate_text", "a name for a tokenizer", lambda: written(["a"], "bpe"), "must be a Tokenizer"),
    Border("generation.generate_text", "model and tokenizer exchanged", lambda: written(["a"], MODEL, LETTERS), "start and step"),
    *(
        Border("generation.generate_text", f"stop: {stop!r}", lambda stop=stop: written(["a"], stop=stop), words)
        for stop, words in (
            ("", "a stop string must hold at least one character"),
            (["a", ""], "a stop string must hold at least one character"),
            (None, "stop must be several texts, a list for example, but it is None"),
            (["a", None], "stop[1] must be a string, but it is None"),
            ([3], "stop[0] must be a string, but it is 3"),
            (3, "stop must be several texts"),
        )
    ),
    *(
        Border("generation.stream", mistake, lambda prompt=prompt: stream(MODEL, LETTERS, prompt, PLAIN), words)
        for mistake, prompt, words in (
            ("several texts", ["ab", "c"], "prompt must be integers (ids), but at position 0 there is 'ab'"),
            ("several prompts of ids", [[1], [2]], "prompt must be integers (ids), but at position 0 there is [1]"),
            ("an empty text", "", "each prompt needs at least one token"),
            ("None", None, "prompt must be a sequence of ids"),
            ("an id beyond the vocabulary", [7], "must be ids from 0 to 6"),
            ("too long a text", "abcdef", "must fit into the model's context"),
        )
    ),
    Border("generation.stream", "no stop string", lambda: stream(MODEL, LETTERS, "a", PLAIN, stop=""), "a stop string must hold"),
    Border("generation.stream", "another's tokenizer", lambda: stream(MODEL, OTHERS, "a", PLAIN), "at most the model's 7"),
    Border("generation.stream", "a tokenizer as model", lambda: stream(LETTERS, LETTERS, "a", PLAIN), "start and step"),
    Border(
        "generation.beam_search",
        "a model that cannot reorder",
        lambda: searched([[1]], RecurrentLM(RecurrentLMConfig(vocab_size=7, d_embed=2, d_hidden=3))),
        "model must have start, step and reorder, but it is 'RecurrentLM'",
    ),
    Border("generation.beam_search", "another's config", lambda: searched([[1]], config=PLAIN), "must be a BeamConfig"),
    Border("generation.beam_search", "a full context", lambda: searched([[1] * 5]), "sources[0] and begin_token must fit"),
    Border("generation.beam_search", "end beyond the vocabulary", lambda: searched([[1]], end_token=7), "must be below vocab_size, which is 7"),
    Border("generation.beam_search", "begin beyond the vocabulary", lambda: searched([[1]], begin_token=9), "must be below vocab_size, which is 7"),
    Border("generation.beam_search", "logits of NaN", lambda: searched([[1]], Tiny(NAN)), "logits must make a distribution"),
    *settings("generation.GenerationConfig", GenerationConfig, NUMBERS + SAMPLING),
    *settings("generation.BeamConfig", BeamConfig, NUMBERS + SEARCHING, **BEAM),
    *(
        Border(f"generation.{name}", mistake, lambda call=call, logits=logits: call(logits), words)
        for name, call in {
            "greedy": greedy,
            "sample": sample,
            "top_k": lambda logits: top_k(logits, 1),
            "top_p": lambda logits: top_p(logits, 0.5),
            "penalise_repetition": lambda logits: penalise_repetition(logits, LOGITS > 0, 2),
        }.items()
        for mistake, logits, words in (
            ("a list", [0.1, 0.2], "logits must be a tensor of floating-point numbers"),
            ("integers", torch.tensor([1, 2]), "logits must be a tensor of floating-point numbers"),
            ("no tokens", torch.zeros(2, 0), "one for each token in its last axis"),
            ("a single number", torch.tensor(1.0), "one for each token in its last axis"),
        )
    ),
    Border("generation.greedy", "NaN", lambda: greedy(NAN), "logits must make a distribution"),
    Border("generation.greedy", "-inf throughout", lambda: greedy(LOGITS - math.inf), "logits must make a distribution"),
    Border("generation.sample", "NaN", lambda: sample(NAN), "logits must make a distribution"),
    Border("generation.sample", "generators of another number", lambda: sample(LOGITS, [Generator()] * 3), "2 generators"),
    Border("generation.sample", "a seed", lambda: sample(LOGITS, 0), "a generator must be a torch.Generator on the CPU"),
    *(
        Border("generation.top_k", f"k = {k!r}", lambda k=k: top_k(LOGITS, k), f"k must be {words}")
        for k, words in ((0, "at least 1"), (0.5, "an integer"), (True, "an integer"), (None, "an integer"))
    ),
    *(
        Border("generation.top_p", f"p = {p!r}", lambda p=p: top_p(LOGITS, p), f"p must be {words}")
        for p, words in ((0, "above 0"), (1.1, "above 0 and at most 1"), (math.nan, "a number"), ("1", "a number"))
    ),
    *(
        Border("generation.penalise_repetition", mistake, lambda s=seen, p=penalty: penalise_repetition(LOGITS, s, p), words)
        for mistake, seen, penalty, words in (
            ("ids for a mask", torch.tensor([1, 2]), 2, "seen must be boolean, of shape (2, 3), but it is a tensor"),
            ("a mask of one row", torch.ones(3) > 0, 2, "seen must be boolean, of shape (2, 3)"),
            ("a penalty of 0", LOGITS > 0, 0, "penalty must be above 0 and finite"),
            ("a penalty of NaN", LOGITS > 0, math.nan, "penalty must be a number"),
        )
    ),
    *settings("gpt.GPTConfig", GPTConfig, SIZES_OF_GPT, **SIZES),
    *settings("gpt.ModernGPTConfig", ModernGPTConfig, SIZES_OF_MODERN, **SIZES),
    Border("gpt.GPT", "another's config", lambda: GPT(ModernGPTConfig(**SIZES)), "config must be a GPTConfig"),
    Border("gpt.GPT", "sizes as a dictionary", lambda: GPT(SIZES), "config must be a GPTConfig"),
    Border("gpt.ModernGPT", "another's config", lambda: ModernGPT(GPTConfig(**SIZES)), "config must be a ModernGPTConfig"),
    *(
        Border("gpt.GPT", f"forward: {mistake}", lambda tokens=tokens: MODEL(tokens), "tokens must be a tensor of integers")
        for mistake, tokens in (
            ("no batch axis", torch.tensor([1, 2])),
            ("fractions", torch.ones(1, 2)),
            ("booleans", torch.ones(1, 2) > 0),
            ("a list", [[1, 2]]),
        )
    ),
    Border("gpt.GPT", "a text too long", lambda: MODEL(torch.zeros(1, 6).long()), "a text may have 5 tokens"),
    *(
        Border("gpt.GPT", mistake, call, words)
        for mistake, call, words in (
            ("start: a length for no row", lambda: MODEL.start(torch.ones(1, 2).long(), [2, 2]), "lengths must be integers"),
            ("start: beyond the row", lambda: MODEL.start(torch.ones(1, 2).long(), torch.tensor([3])), "one a row, from 0"),
            ("step: a column", lambda: MODEL.step(torch.ones(1, 1).long(), begun()), "(batch)"),
            ("step: other rows", lambda: MODEL.step(torch.ones(2).long(), begun()), "must have 1 rows, as the state"),
            ("extend: one row", lambda: MODEL.extend(torch.ones(3).long(), begun()), "(batch, time)"),
            ("extend: beyond the context", lambda: MODEL.extend(torch.ones(1, 4).long(), begun()), "a text may have 5 tokens"),
            ("truncate: longer than it is", lambda: MODEL.truncate(begun(), [3]), "one a row, from 0 to [2], but it is [3]"),
        )
    ),
    Border("gpt.build", "a preset's name", lambda: build("tiny"), "config must be a GPTConfig or a ModernGPTConfig"),
    Border("gpt.preset", "an unknown name", lambda: preset("gpt3"), "the preset must be one of tiny, small, gpt2"),
    Border("gpt.preset", "an unknown field", lambda: preset("tiny", width=3), "a field of tiny must be one of vocab_size"),
    Border("gpt.preset", "a field of the other kind", lambda: preset("gpt2", d_ff=3), "a field of gpt2 must be one of"),
    Border("gpt.preset", "a wrong value", lambda: preset("tiny", vocab_size=0), "vocab_size must be at least 1"),
    Border(
        "attention.GroupedQueryAttention",
        "a cache of another batch",
        lambda: GroupedQueryAttention(4, 2, 1)(torch.zeros(3, 2, 4), None, (torch.zeros(1, 1, 2, 2),) * 2),
        "a cache must be (3, 1, at least 2, 2) for these tokens",
    ),
]
NOTHING = {
    "generation.Answer": "a result",
    "generation.BeamDecoder": "a protocol",
    "generation.Beams": "a result",
    "generation.Decoder": "a protocol",
    "generation.Hypothesis": "a result",
    "gpt.Block": "a part of a model, which gives it what it needs",
    "gpt.FeedForward": "a part of a model, whose config has checked the sizes",
    "gpt.PRESETS": "configs",
    "gpt.SwiGLU": "a part of a model, whose config has checked the sizes",
    "gpt.initialise": "takes a model of course_lib",
}


def begun():
    return MODEL.start(torch.ones(1, 2).long(), [2])
