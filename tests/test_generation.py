"""Choosing tokens: distributions by hand, batches as each prompt alone, stop strings and characters cut anywhere."""

import math
import signal
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator

from course_lib.generation import (
    BeamConfig,
    Decoder,
    GenerationConfig,
    answer_steps,
    answers,
    beam_search,
    generate,
    generate_text,
    greedy,
    penalise_repetition,
    sample,
    stream,
    top_k,
    top_p,
)
from course_lib.recurrent import GRU, LSTM, RNN, RecurrentLM, RecurrentLMConfig
from course_lib.tokenizers import BPETokenizer, CharTokenizer, WordTokenizer
from course_lib.transformer import Transformer, TransformerConfig

V = 13
PROMPTS = [[1, 2, 3, 4, 5], [6], [7, 8, 0], [6, 12]]
INF = math.inf


def _model(layer=GRU):
    torch.manual_seed(3)
    config = RecurrentLMConfig(vocab_size=V, d_embed=5, d_hidden=11, n_layers=2, layer=layer.__name__)
    model = RecurrentLM(config).double().eval()
    with torch.no_grad():
        for weights in model.parameters():
            weights *= 4  # so that what came before counts
    return model


class Script:
    """A model that writes given tokens, one script a row; its logits are 5 for that token and 0 for the others."""

    def __init__(self, *scripts, vocab_size=V):
        self.scripts, self.vocab_size, self.stepped = scripts, vocab_size, []

    def start(self, source, lengths):
        self.source, self.lengths = source.tolist(), lengths.tolist()
        return 0

    def step(self, tokens, state):
        self.stepped.append(tokens.tolist())
        logits = torch.zeros(len(tokens), self.vocab_size)
        for row, script in enumerate(self.scripts):
            logits[row, script[state % len(script)]] = 5
        return logits, state + 1


def _greedy(**settings):
    return GenerationConfig(temperature=0, **settings)


def _generators(n=4):
    return [Generator().manual_seed(seed) for seed in range(n)]


@pytest.mark.parametrize("layer", [RNN, GRU, LSTM])
def test_greedy_equals_the_likeliest_token_of_the_whole_text_each_time(layer):
    model = _model(layer)
    answers = generate(model, PROMPTS, _greedy(max_new_tokens=17))
    for prompt, answer in zip(PROMPTS, answers, strict=True):
        text = list(prompt)
        for _ in range(17):
            text.append(model(torch.tensor([text]))[0, -1].argmax().item())
        assert answer == text[len(prompt) :]
    assert len({*map(tuple, answers)}) > 1


@pytest.mark.parametrize("layer", [RNN, GRU, LSTM])
@pytest.mark.parametrize(
    "config",
    [_greedy(), GenerationConfig(), GenerationConfig(temperature=1.5, top_k=7, top_p=0.9, repetition_penalty=1.3)],
    ids=["greedy", "plain", "all"],
)
def test_a_batch_of_unequal_prompts_answers_as_each_alone(layer, config):
    model = _model(layer)
    together = generate(model, PROMPTS, config, _generators())
    alone = [generate(model, [p], config, g)[0] for p, g in zip(PROMPTS, _generators(), strict=True)]
    assert together == alone and len(together[0]) == 100


def test_a_seed_repeats_and_another_does_not():
    model, config = _model(), GenerationConfig(max_new_tokens=20)
    one, again, other = (generate(model, PROMPTS, config, Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert one == again != other
    torch.manual_seed(4)
    first = generate(model, PROMPTS, config)
    torch.manual_seed(4)
    assert first == generate(model, PROMPTS, config)
    same = generate(model, [[1], [1], [1]], config, Generator().manual_seed(1))
    assert len({*map(tuple, same)}) == 3, "rows of a batch are drawn apart"


def test_the_model_reads_all_but_the_last_token_and_steps_from_there():
    model = Script([1], [2])
    assert isinstance(model, Decoder) and isinstance(_model(), Decoder)
    assert generate(model, [[3, 4, 5], [6]], _greedy(max_new_tokens=2)) == [[1, 1], [2, 2]]
    assert (model.source, model.lengths, model.stepped) == ([[3, 4], [0, 0]], [2, 0], [[5, 6], [1, 2]])


def test_an_encoder_decoder_reads_all_of_its_source_and_begins_with_its_token():
    model = Script([1], [2])
    generate(model, [[3, 4, 5], [6]], _greedy(max_new_tokens=2, begin_token=9))
    assert (model.source, model.lengths, model.stepped) == ([[3, 4, 5], [6, 0, 0]], [3, 1], [[9, 9], [1, 2]])


def test_answers_end_before_the_end_token_and_the_model_rests_when_all_have():
    model = Script([1, 2, 0, 3], [4, 5, 6, 7, 0, 8])
    assert generate(model, [[9], [9]], _greedy(end_token=0)) == [[1, 2], [4, 5, 6, 7]]
    assert len(model.stepped) == 5
    assert generate(Script([0]), [[9]], _greedy(end_token=0)) == [[]]
    assert generate(Script([1]), [[9]], _greedy(end_token=0, max_new_tokens=3)) == [[1, 1, 1]]


class Leaving(Script):
    """The same, but rows may leave: the state is each row's number and the steps so far."""

    def start(self, source, lengths):
        super().start(source, lengths)
        return [*range(len(source))], 0

    def step(self, tokens, state):
        rows, step = state
        self.stepped.append(tokens.tolist())
        logits = torch.zeros(len(tokens), self.vocab_size)
        for place, row in enumerate(rows):
            logits[place, self.scripts[row][step % len(self.scripts[row])]] = 5
        return logits, (rows, step + 1)

    def reorder(self, state, rows):
        return [state[0][row] for row in rows.tolist()], state[1]


SCRIPTS = [1, 2, 0, 3], [4, 5, 6, 7, 0, 8], [9, 0], [1]


def test_rows_that_have_ended_leave_the_batch_of_a_model_that_lets_them():
    stays, leaves, config = Script(*SCRIPTS), Leaving(*SCRIPTS), _greedy(end_token=0, max_new_tokens=7)
    found = answers(leaves, [[9]] * 4, config)
    assert found == answers(stays, [[9]] * 4, config)
    assert [answer.tokens for answer in found] == [[1, 2], [4, 5, 6, 7], [9], [1] * 7]
    assert [*map(len, leaves.stepped)] == [4, 4, 3, 2, 2, 1, 1] and {*map(len, stays.stepped)} == {4}


def test_rows_that_stay_draw_what_they_would_had_none_left():
    prompts, config = [[9]] * 4, GenerationConfig(end_token=0, max_new_tokens=30)
    stays, leaves = Script([1], [2], [3], [4]), Leaving([1], [2], [3], [4])
    drawn = [generate(model, prompts, config, Generator().manual_seed(3)) for model in (stays, leaves)]
    assert drawn[0] == drawn[1] and len(leaves.stepped[-1]) < 4


def test_why_answers_ended_and_how_likely_they_were():
    config, likely = _greedy(end_token=0, max_new_tokens=5), 5 - math.log(math.exp(5) + V - 1)
    first, second, third, fourth = answers(
        Script([1, 2, 0], [4, 5, 6, 7], [9, 8], [0]), [[9]] * 4, config, stop=lambda tokens: tokens[-2:] == [5, 6]
    )
    assert [one.reason for one in (first, second, third, fourth)] == [
        "end token",
        "stop",
        "max_new_tokens",
        "end token",
    ]
    assert (first.tokens, second.tokens, third.tokens, fourth.tokens) == ([1, 2], [4, 5, 6], [9, 8, 9, 8, 9], [])
    for one in (first, second, third, fourth):
        assert one.log_probabilities == pytest.approx([likely] * len(one.tokens))
        assert one.end_log_probability == (pytest.approx(likely) if one.reason == "end token" else None)


def test_log_probabilities_are_the_models_whatever_the_choice():
    """p = 0.5 stays 0.5, though the penalty, the temperature and top_k make another token certain."""

    class Fixed(Script):
        def step(self, tokens, state):
            return torch.tensor([[0.5, 0.125, 0.25, 0.125]]).log() + 90, state

    config = GenerationConfig(max_new_tokens=2, temperature=0.1, top_k=1, repetition_penalty=2)
    [answer] = answers(Fixed(), [[0]], config)
    assert answer.tokens == [2, 1] and answer.log_probabilities == pytest.approx(
        [math.log(0.25), math.log(0.125)], 1e-5
    )


class Short(Leaving):
    """The same with a context of seven tokens, source and answer together."""

    def room(self, length):
        return 7 - length


def test_a_text_that_reaches_the_end_of_the_context_is_kept_with_a_warning():
    model, config, tokenizer = Short([1], [2], [3]), _greedy(max_new_tokens=4), LETTERS
    prompts = ["a", "abcdef", "abcd"]
    with pytest.warns(UserWarning, match=r"^1 of 3 answers end early, as the model's context is full .*") as warned:
        texts = generate_text(model, tokenizer, prompts, config, stop="aaa")
    assert texts == ["bbbb", "cc", "dddd"] and len(warned) == 1
    with pytest.warns(UserWarning, match=r"^the answer ends early, as the model's context is full") as warned:
        assert [*stream(Short([2]), tokenizer, "abcdef", config)] == ["c", "c"]
    assert len(warned) == 1
    found = answers(Short([1], [2], [3]), [*map(tokenizer.encode, prompts)], config)
    assert [answer.reason for answer in found] == ["max_new_tokens", "context", "max_new_tokens"]


@pytest.mark.parametrize("positions, most", [("learned", 7), ("sinusoidal", 9)])
def test_what_an_encoder_decoder_writes_has_its_own_room_in_the_context(positions, most):
    torch.manual_seed(0)
    sizes = {"vocab_size": V, "context_length": 7, "d_model": 6, "n_heads": 2, "d_ff": 5}
    model = Transformer(TransformerConfig(**sizes, positions=positions))
    logits, never = model.logits, torch.arange(V) == 0
    model.logits = lambda x: logits(x).masked_fill(never, -INF)
    config = GenerationConfig(begin_token=1, end_token=0, max_new_tokens=9)
    search = BeamConfig(begin_token=1, end_token=0, max_new_tokens=9)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        written = [*generate(model, [[2] * 7, [3]], config), beam_search(model, [[2] * 7], search)[0][0].tokens]
    assert [*map(len, written)] == [most] * 3 and len(warned) == (2 if most == 7 else 0)
    if positions == "learned":
        with pytest.raises(ValueError, match=r"prompts\[1\] and begin_token must fit .*, 7 tokens .*, but it has 8"):
            generate(model, [[2], [2] * 8], config)


def _press_stop_at(model, calls):
    """The stop button is pressed in the middle of one of the model's steps."""
    step = model.step

    def pressed(tokens, state):
        if len(model.stepped) == calls:
            signal.raise_signal(signal.SIGINT)
        return step(tokens, state)

    model.step = pressed
    return model


def test_what_was_written_before_an_interrupt_is_there():
    model, config = _press_stop_at(Leaving([1, 2, 0], [4, 5, 6, 7]), 5), _greedy(end_token=0)
    with pytest.raises(KeyboardInterrupt):
        for found in answer_steps(model, [[9], [9]], config):
            assert len(found) == 2
    assert [answer.tokens for answer in found] == [[1, 2], [4, 5, 6, 7, 4]]
    assert [answer.reason for answer in found] == ["end token", None]
    assert [len(answer.log_probabilities) for answer in found] == [2, 5]
    model, shown = _press_stop_at(Script(BYTES.encode("abcdef"), vocab_size=256), 4), []
    with pytest.raises(KeyboardInterrupt):
        for piece in stream(model, BYTES, "x", config):
            shown.append(piece)
    assert shown == ["a", "b", "c", "d"]


@pytest.mark.parametrize("work", [generate, lambda *args: generate_text(args[0], LETTERS, *args[1:])])
def test_an_interrupt_ends_a_batch_as_a_whole_and_leaves_the_model_as_it_was(work):
    model, calls = _model().train(), []
    model.register_forward_hook(lambda *_: None)
    before, step = [module.training for module in model.modules()], model.step

    def pressed(tokens, state):
        calls.append(model.training)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return step(tokens, state)

    model.step = pressed
    with pytest.raises(KeyboardInterrupt):
        work(model, [[1], [2]], GenerationConfig())
    assert calls == [False] * 3 and [module.training for module in model.modules()] == before
    assert torch.is_grad_enabled()


LETTERS = CharTokenizer.train("abcdefghijklm")


def test_ids_that_the_tokenizer_does_not_know_are_never_written():
    """A model's vocabulary may be padded."""
    for seed in range(5):
        config, model = GenerationConfig(max_new_tokens=50), Script([1], vocab_size=40)
        model.scripts = ([39],)
        [text] = generate_text(model, LETTERS, ["a"], config, Generator().manual_seed(seed))
        assert len(text) == 50
        assert text == "".join(stream(model, LETTERS, "a", config, Generator().manual_seed(seed)))


def test_the_wrong_thing_is_said_when_it_is_passed_and_not_once_it_is_gone_through():
    with pytest.raises(ValueError, match="each prompt needs at least one token"):
        stream(Script([1]), LETTERS, "", _greedy())
    with pytest.raises(ValueError, match="each prompt needs at least one token"):
        answer_steps(Script([1]), [[]], _greedy())


def test_dropout_is_off_while_generating_and_modes_are_as_before():
    model = RecurrentLM(RecurrentLMConfig(vocab_size=V, dropout=0.5)).train()
    model.embed.eval()
    before = [module.training for module in model.modules()]
    assert generate(model, PROMPTS, _greedy()) == generate(model, PROMPTS, _greedy())
    assert [module.training for module in model.modules()] == before and True in before
    pieces = stream(model, CharTokenizer.train("abcdefghijklm"), "a", _greedy())
    next(pieces)
    assert torch.is_grad_enabled(), "between two pieces of a stream as well"
    pieces.close()
    assert [module.training for module in model.modules()] == before


def test_greedy_takes_the_first_of_equals():
    assert greedy(torch.tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 1.0]])).tolist() == [1, 0]


@pytest.mark.parametrize("wrong", [[0, math.nan, 1], [0, INF, 1], [-INF] * 3], ids=["NaN", "inf", "all -inf"])
@pytest.mark.parametrize("config", [_greedy(), GenerationConfig(top_k=2), GenerationConfig(top_p=0.5)])
def test_logits_that_are_no_distribution_end_in_a_sentence(wrong, config):
    class Broken(Script):
        def step(self, tokens, state):
            return torch.tensor([[0.0, -INF, 1], wrong]), state

    with pytest.raises(ValueError, match=r"logits must make a distribution, but a row holds NaN, .inf, or nothing but"):
        generate(Broken(), [[0], [1]], config)


@pytest.mark.parametrize(
    "k, kept", [(1, [1]), (2, [1, 3, 4]), (3, [1, 3, 4]), (4, [1, 2, 3, 4]), (5, range(5)), (9, range(5))]
)
def test_top_k_by_hand(k, kept):
    """The second and third are equal: both stay."""
    logits = torch.tensor([-1.0, 3.0, 0.5, 2.0, 2.0])
    expected = [logit if place in kept else -INF for place, logit in enumerate(logits.tolist())]
    assert top_k(logits, k).tolist() == expected
    assert top_k(torch.stack([logits, logits.flip(0)]), k).tolist() == [expected, expected[::-1]]


@pytest.mark.parametrize(
    "p, kept",
    [
        (1e-9, [1]),
        (0.4, [1]),
        (0.49, [1]),
        (0.51, [1, 2]),
        (0.7, [1, 2]),
        (0.76, [1, 2, 0]),
        (0.9, [1, 2, 0, 3]),
        (1, range(4)),
    ],
)
def test_top_p_by_hand(p, kept):
    """Of the two with 1/8, the first is taken first."""
    logits = torch.tensor([1 / 8, 1 / 2, 1 / 4, 1 / 8], dtype=torch.float64).log() + 7
    expected = [logit if place in kept else -INF for place, logit in enumerate(logits.tolist())]
    assert top_p(logits, p).tolist() == expected
    assert top_p(torch.stack([logits, logits]), p).tolist() == [expected] * 2


def test_top_p_of_1_keeps_even_what_a_sum_of_1_leaves_no_room_for():
    logits = torch.tensor([0.0, -30.0, -40.0])
    assert logits.softmax(-1)[0] == 1 and torch.equal(top_p(logits, 1), logits)


@settings(deadline=None)
@given(st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=20), st.floats(0.01, 0.99))
def test_top_p_keeps_the_fewest_that_suffice(logits, p):
    logits = torch.tensor(logits, dtype=torch.float64)
    kept, probabilities = top_p(logits, p) > -INF, logits.softmax(-1)
    assert probabilities[kept].sum() >= p - 1e-9
    assert probabilities[kept].sum() - probabilities[kept].min() < p + 1e-9
    assert not (~kept).any() or probabilities[~kept].max() <= probabilities[kept].min()


def test_penalty_by_hand():
    logits, seen = torch.tensor([[2.0, -2.0, 0.0, 3.0, -INF]] * 2), torch.tensor([[1, 1, 1, 0, 1], [0] * 5]).bool()
    assert penalise_repetition(logits, seen, 2).tolist() == [[1, -4, 0, 3, -INF], [2, -2, 0, 3, -INF]]
    assert penalise_repetition(logits, seen, 0.5)[0].tolist() == [4, -1, 0, 3, -INF]
    assert torch.equal(penalise_repetition(logits, seen, 1), logits)


def test_penalty_is_for_tokens_of_the_prompt_and_of_the_answer():
    class Fixed(Script):
        def step(self, tokens, state):
            return torch.tensor([[6.5, 5.0, 4.5, 3.5]] * len(tokens)), state

    config = _greedy(repetition_penalty=1.5, max_new_tokens=4)
    assert generate(Fixed(), [[3, 0], [2, 3]], config) == [[1, 2, 0, 0], [0, 1, 0, 0]]
    assert generate(Fixed(), [[3, 0]], _greedy(max_new_tokens=2)) == [[0, 0]]


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({}, [0.5, 0.125, 0.25, 0.125]),
        ({"temperature": 0.5}, [16 / 22, 1 / 22, 4 / 22, 1 / 22]),
        ({"temperature": 1e-30}, [1, 0, 0, 0]),
        ({"temperature": 1e30}, [0.25] * 4),
        ({"top_k": 2}, [2 / 3, 0, 1 / 3, 0]),
        ({"top_p": 0.7}, [2 / 3, 0, 1 / 3, 0]),
        ({"top_p": 0.7, "temperature": 0.5}, [1, 0, 0, 0]),  # the temperature comes first: 16/22 suffice
        ({"top_k": 3, "top_p": 0.8}, [4 / 7, 1 / 7, 2 / 7, 0]),  # k = 3 leaves all four, as two are equal
    ],
)
def test_draws_follow_the_distribution(settings, expected):
    class Fixed(Script):
        def step(self, tokens, state):
            return torch.tensor([[0.5, 0.125, 0.25, 0.125]] * len(tokens)).log() + 90, state

    config = GenerationConfig(max_new_tokens=1, **settings)
    drawn = torch.tensor(generate(Fixed(), [[0]] * 4000, config, Generator().manual_seed(0))).flatten()
    torch.testing.assert_close(drawn.bincount(minlength=4) / 4000, torch.tensor(expected) * 1.0, atol=0.03, rtol=0)


def test_half_precision_draws_as_full():
    """The first token has probability 0.90193, which is 0.9023 in half precision: there top_p would drop the second."""

    class Coarse(Script):
        def step(self, tokens, state):
            return torch.tensor([[2.21875, 0.0]] * len(tokens), dtype=torch.bfloat16), state

    config = GenerationConfig(max_new_tokens=1, top_p=0.902)
    drawn = torch.tensor(generate(Coarse(), [[0]] * 1000, config, Generator().manual_seed(0)))
    assert 60 < drawn.sum() < 140


def test_samples_never_fall_on_the_impossible_and_take_any_leading_axes(monkeypatch):
    logits = torch.tensor([-INF, 0.0, -INF, 0.0, -INF])
    assert {*sample(logits.expand(3, 500, 5)).flatten().tolist()} == {1, 3}
    assert sample(logits, Generator().manual_seed(0)).shape == ()
    monkeypatch.setattr(torch, "rand", lambda *shape, dtype, **_: torch.zeros(shape, dtype=dtype))
    assert sample(logits) == 1, "a uniform number may be 0 exactly"


class Bytes(Script):
    """Writes the tokens of one text in a vocabulary of a tokenizer."""

    def __init__(self, tokenizer, text):
        super().__init__(tokenizer.encode(text), vocab_size=tokenizer.vocab_size)


BYTES = BPETokenizer.train("a", vocab_size=256)
TEXT = "na\N{LATIN SMALL LETTER I WITH DIAERESIS}ve \N{GRINNING FACE}\N{CJK UNIFIED IDEOGRAPH-8A9E}!"


def test_characters_spread_over_tokens_come_whole():
    model = Bytes(BYTES, TEXT)
    length = len(model.scripts[0])
    assert list(stream(model, BYTES, "x", _greedy(max_new_tokens=length))) == list(TEXT)
    cut = list(stream(model, BYTES, "x", _greedy(max_new_tokens=length - 2)))
    assert cut == [*TEXT[:-2], "\N{REPLACEMENT CHARACTER}"], "half a character at the very end is shown as such"


def _cut(text, stop):
    """Up to the stop string that is complete first; of those that end together, the longest."""
    for end in range(len(text) + 1):
        if found := [one for one in stop if text[:end].endswith(one)]:
            return text[: end - max(map(len, found))]
    return text


@settings(deadline=None, max_examples=200)
@given(st.text("ab", min_size=1, max_size=12), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3), st.data())
def test_stop_strings_cut_the_same_however_the_text_is_cut_into_tokens(text, stop, data):
    pieces, rest = [], text
    while rest:
        n = data.draw(st.integers(1, len(rest)))
        pieces, rest = [*pieces, rest[:n]], rest[n:]
    tokenizer = CharTokenizer([*dict.fromkeys(["x", *pieces])])
    model = Script([tokenizer.vocabulary.index(piece) for piece in pieces], vocab_size=tokenizer.vocab_size)
    config = _greedy(max_new_tokens=len(pieces))
    shown = list(stream(model, tokenizer, [0], config, stop=stop))
    assert "".join(shown) == _cut(text, stop) and "" not in shown
    assert generate_text(model, tokenizer, [[0]], config, stop=stop) == [_cut(text, stop)]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(0, 255), min_size=1, max_size=12))
def test_a_stream_of_any_bytes_is_their_text(tokens):
    config = _greedy(max_new_tokens=len(tokens))
    shown = list(stream(Script(tokens, vocab_size=256), BYTES, [0], config))
    assert "".join(shown) == BYTES.decode(tokens) and "" not in shown


def test_pieces_come_as_soon_as_they_are_certain():
    tokenizer = CharTokenizer.train("abcde.")
    script = Script(tokenizer.encode("ab.c..d...e"), vocab_size=6)
    config = _greedy(max_new_tokens=11)
    assert list(stream(script, tokenizer, "a", config, stop="...")) == ["a", "b", ".c", "..d"]
    assert len(script.stepped) == 10, "nothing is generated after the stop string"
    assert list(stream(script, tokenizer, "a", _greedy(max_new_tokens=6), stop=["..."])) == ["a", "b", ".c", ".."]


def test_texts_of_a_batch_stop_each_for_itself():
    tokenizer = CharTokenizer.train("abc#")
    scripts = [tokenizer.encode(text) for text in ("ab#aaaaaa", "aaaaaaa#a", "#aaaaaaaa", "abc")]
    model = Script(*scripts, vocab_size=4)
    end = tokenizer.encode("c")[0]
    config = _greedy(max_new_tokens=9, end_token=end)
    assert generate_text(model, tokenizer, ["a"] * 4, config, stop="#") == ["ab", "aaaaaaa", "", "ab"]
    assert len(model.stepped) == 8


@pytest.mark.parametrize("tokenizer", [CharTokenizer, WordTokenizer])
def test_a_stream_is_the_text_and_the_text_is_the_tokens(tokenizer):
    tokenizer = tokenizer.train("a b c d e f g h i j k l m")
    torch.manual_seed(0)
    model = RecurrentLM(RecurrentLMConfig(vocab_size=tokenizer.vocab_size))
    prompt, config = "a b", GenerationConfig(max_new_tokens=30)
    (text,) = generate_text(model, tokenizer, [prompt], config, Generator().manual_seed(1))
    assert text == "".join(stream(model, tokenizer, prompt, config, Generator().manual_seed(1)))
    (tokens,) = generate(model, [tokenizer.encode(prompt)], config, Generator().manual_seed(1))
    assert text == tokenizer.decode(tokens)
    (same,) = generate_text(model, tokenizer, [tokenizer.encode(prompt)], config, Generator().manual_seed(1))
    assert same == text
