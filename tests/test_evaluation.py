"""The harness: log probabilities as when each choice is read apart, and results as computed by hand."""

import math

import numpy as np
import pytest
import torch
import transformers
from helpers import enlarge

from course_lib import evaluation
from course_lib.data.questions import Question
from course_lib.evaluation import (
    Result,
    Task,
    TransformersDecoder,
    by_answer,
    by_answer_per_byte,
    by_letter,
    choice_log_probabilities,
    evaluate,
    generated,
    lettered_prompt,
    plain_prompt,
)
from course_lib.generation import GenerationConfig, generate
from course_lib.gpt import GPT, GPTConfig, ModernGPT, ModernGPTConfig
from course_lib.metrics import bootstrap_interval
from course_lib.recurrent import RecurrentLM, RecurrentLMConfig
from course_lib.tokenizers import BPETokenizer, CharTokenizer

TEXT = "Question: what do the bees make?\nA. honey\nB. milk and cheese\nC. wax\nAnswer: honey, of course.\n" * 3
TOKENIZER = BPETokenizer.train(TEXT, vocab_size=300)
PROMPTS = ["Question: what do bees make?\nAnswer:", "Answer:", "the bees and the cheese make", "q"]
CHOICES = [[" honey", " milk and cheese", " wax"], [" A", " B"], [" milk"], [" x", " answer", " h", " make honey"]]
SIZES = {"vocab_size": 301, "context_length": 60, "d_model": 24, "n_layers": 2, "n_heads": 3}


class Bigrams:
    """p(next | last) from a table, in a model that offers only what decoding must have."""

    def __init__(self, probabilities):
        self.probabilities = probabilities

    def start(self, source, lengths):
        return None

    def step(self, tokens, state):
        return self.probabilities[tokens].log(), None


def tiny(kind):
    torch.manual_seed(0)
    if kind == "GPT":
        return enlarge(GPT(GPTConfig(**SIZES)))
    if kind == "ModernGPT":
        return enlarge(ModernGPT(ModernGPTConfig(**SIZES, n_kv_heads=1, d_ff=29)))
    if kind == "RecurrentLM":
        return enlarge(RecurrentLM(RecurrentLMConfig(vocab_size=301, d_embed=11, d_hidden=13)))
    if kind == "Llama":
        sizes = {"vocab_size": 301, "hidden_size": 24, "intermediate_size": 29, "num_hidden_layers": 2}
        return transformers.LlamaForCausalLM(
            transformers.LlamaConfig(**sizes, num_attention_heads=3, num_key_value_heads=1, initializer_range=0.3)
        )
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=301, n_embd=24, n_layer=2, n_head=3, initializer_range=0.3)
    )


def apart(model, prompt, choice):
    """ln p of a choice, from all logits of prompt and choice."""
    whole = TOKENIZER.encode(prompt + choice)
    after = len(TOKENIZER.encode(prompt))
    with torch.no_grad():
        logits = model.eval()(torch.tensor([whole]))
    log_p = getattr(logits, "logits", logits)[0].log_softmax(dim=-1)
    return sum(log_p[place - 1, whole[place]].item() for place in range(after, len(whole)))


@pytest.mark.parametrize("kind", ["GPT", "ModernGPT", "RecurrentLM", "Llama", "GPT2"])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_shared_prompt_gives_what_each_choice_read_apart_gives(kind, batch, monkeypatch):
    monkeypatch.setattr(evaluation, "BATCH", batch)
    model = tiny(kind)
    found = choice_log_probabilities(model, TOKENIZER, PROMPTS, CHOICES)
    assert [len(one) for one in found] == [3, 2, 1, 4]
    for ours, prompt, choices in zip(found, PROMPTS, CHOICES, strict=True):
        np.testing.assert_allclose(ours, [apart(model, prompt, choice) for choice in choices], atol=2e-4)
    assert max(np.ptp(one) for one in found) > 0.5  # differences that a mix-up would show


def test_a_prompt_of_ids_is_read_as_it_is():
    model, ids = tiny("GPT"), [TOKENIZER.encode(prompt) for prompt in PROMPTS]
    ours = choice_log_probabilities(model, TOKENIZER, ids, CHOICES)
    for one, other in zip(ours, choice_log_probabilities(model, TOKENIZER, PROMPTS, CHOICES), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_tokens_that_join_prompt_and_choice_count_for_the_choice():
    tokenizer = BPETokenizer.train("ab ab ab", vocab_size=257)
    prompt, choices = "xa", ["b", "c"]
    assert [len(tokenizer.encode(prompt + choice)) for choice in choices] == [2, 3]
    x, a, c = (tokenizer.encode(letter)[0] for letter in "xac")
    [ab] = tokenizer.encode("ab")
    table = torch.full((tokenizer.vocab_size, tokenizer.vocab_size), 1e-9)
    table[x, ab], table[x, a], table[a, c] = 0.25, 0.5, 0.125
    [found] = choice_log_probabilities(Bigrams(table / table.sum(dim=-1, keepdim=True)), tokenizer, [prompt], [choices])
    expected = [table[x, ab] / table[x].sum(), table[x, a] / table[x].sum() * table[a, c] / table[a].sum()]
    np.testing.assert_allclose(found, np.log(expected), rtol=1e-5)


TOLD = CharTokenizer.train("Question: ?\nAnswer.ByxC")
QUESTIONS = [Question("x", ("yyy",), "", ("x", "yyy")), Question("y", ("x",), "", ("x", "yyy"))]


def told():
    """A model of bigrams: after a blank come A (0.1), B (0.2), x (0.4) or y (0.3), and after y comes y (0.5)."""
    table = torch.full((TOLD.vocab_size, TOLD.vocab_size), 1e-12)
    for before, after, p in ((":", " ", 1), (" ", "A", 0.1), (" ", "B", 0.2), (" ", "x", 0.4), (" ", "y", 0.3)):
        table[TOLD.encode(before)[0], TOLD.encode(after)[0]] = p
    [y] = TOLD.encode("y")
    table[y, y], table[y, 0] = 0.5, 0.5
    return Bigrams(table)


def test_three_ways_to_score_give_three_verdicts_by_hand():
    """The answers: ln 0.4 = -0.92 for x; ln (0.3 0.5 0.5) = -2.59 for yyy, but -0.86 a byte. The letters: B."""
    tasks = [
        Task(name="letter", questions=QUESTIONS, prompt=lettered_prompt, scoring=by_letter),
        Task(name="answer", questions=QUESTIONS, prompt=plain_prompt, scoring=by_answer),
        Task(name="per byte", questions=QUESTIONS, prompt=plain_prompt, scoring=by_answer_per_byte),
    ]
    results = evaluate({"bigrams": (told(), TOLD)}, tasks)
    assert [(one.model, one.task, one.scores.tolist()) for one in results] == [
        ("bigrams", "letter", [1, 0]),
        ("bigrams", "answer", [0, 1]),
        ("bigrams", "per byte", [1, 0]),
    ]
    [found, _] = choice_log_probabilities(told(), TOLD, ["Answer:", ":"], [[" x", " yyy"], [" x"]])
    np.testing.assert_allclose(found, np.log([0.4, 0.3 * 0.5 * 0.5]), rtol=1e-5)


def test_written_answers_are_scored_by_a_function():
    def length(text, question):
        return len(text) + 10 * (question is QUESTIONS[1])

    config = GenerationConfig(temperature=0, max_new_tokens=3)
    task = Task(name="written", questions=QUESTIONS, prompt=plain_prompt, scoring=generated(length, config, "xx"))
    [result] = evaluate({"bigrams": (told(), TOLD)}, [task])
    assert result.scores.tolist() == [3, 13]
    stopped = generated(length, config, " x")(told(), TOLD, ["Answer:", ":"], QUESTIONS)
    assert stopped.tolist() == [0, 10]


def test_a_result_has_its_interval_and_makes_a_row():
    result = Result("m", "t", np.array([1.0, 0, 1, 1, 0, 1, 1, 0]), 2.5)
    assert result.interval == bootstrap_interval(lambda x: x.mean(axis=-1), result.scores)
    assert list(result.row()) == ["model", "task", "value", "low", "high", "questions", "seconds"]
    assert (result.row()["value"], result.row()["questions"], result.row()["seconds"]) == (0.625, 8, 2.5)


def test_prompts_show_the_passage_and_each_choice():
    question = Question("Why?", ("so",), "A text.", ("so", "no", "who"))
    assert plain_prompt(question) == "A text.\n\nQuestion: Why?\nAnswer:"
    assert lettered_prompt(question) == "A text.\n\nQuestion: Why?\nA. so\nB. no\nC. who\nAnswer:"


@pytest.mark.parametrize("kind", ["Llama", "GPT2"])
def test_a_model_of_transformers_writes_as_by_its_own_generate(kind):
    model = tiny(kind).eval()
    prompts = [[3, 1, 4, 1, 5], [9], [2, 6, 5]]
    config = GenerationConfig(temperature=0, max_new_tokens=7)
    options = {"do_sample": False, "min_new_tokens": 7, "max_new_tokens": 7, "pad_token_id": 0}
    expected = [model.generate(torch.tensor([one]), **options)[0, len(one) :].tolist() for one in prompts]
    assert generate(TransformersDecoder(model), prompts, config) == expected


def test_a_scoring_must_give_a_number_for_each_question():
    for bad in (lambda *_: np.ones(3), lambda *_: np.array([1, math.nan])):
        task = Task(name="bad", questions=QUESTIONS, prompt=plain_prompt, scoring=bad)
        with pytest.raises(ValueError, match="the scoring of bad must give 2 finite numbers"):
            evaluate({"m": (told(), TOLD)}, [task])


def test_a_text_beyond_the_context_is_refused():
    with pytest.raises(ValueError, match=r"a text may have 60 tokens \(context_length\)"):
        choice_log_probabilities(tiny("GPT"), TOKENIZER, ["q" * 59], [["yes, it is so"]])
