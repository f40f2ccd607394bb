"""The watermark: its green tokens, its detector by hand, and text that is written with it and without."""

import math

import pytest
import torch
from torch import Generator

from course_lib.generation import Decoder, GenerationConfig, generate
from course_lib.gpt import GPT, GPTConfig
from course_lib.recurrent import RecurrentLM, RecurrentLMConfig
from course_lib.watermark import Watermark, Watermarked

V = 101
MODEL = GPT(GPTConfig(vocab_size=V, context_length=128, d_model=6, n_layers=1, n_heads=2))
SAMPLED = GenerationConfig(max_new_tokens=100)
GREEDY = GenerationConfig(temperature=0, max_new_tokens=9)
MARK = Watermark(vocab_size=V, key=7)


def texts(model, seed=0, count=8, config=SAMPLED):
    return generate(model, [[5]] * count, config, [Generator().manual_seed(seed + row) for row in range(count)])


@pytest.mark.parametrize("share, greens", [(0.25, 25), (0.5, 50), (0.999, 101)])
def test_a_share_of_the_vocabulary_is_green_after_each_token(share, greens):
    mark = Watermark(vocab_size=V, share=share)
    assert all(mark.green(token).sum() == greens for token in range(V))


def test_greens_depend_on_the_token_and_on_every_bit_of_the_key():
    assert torch.equal(MARK.green(3), MARK.green(3))
    others = [MARK.green(4), *(Watermark(vocab_size=V, key=key).green(3) for key in (6, 7 + 2, 7 + 2**40, 0))]
    assert all(30 < (MARK.green(3) ^ other).sum() < 71 for other in others)
    counts = torch.stack([MARK.green(token) for token in range(V)]).sum(0)
    assert counts.min() > 25 and counts.max() < 76  # no token is favoured throughout


def test_the_logits_of_green_tokens_are_raised_by_the_strength():
    marked, tokens = Watermarked(MODEL, MARK), torch.tensor([5, 9])
    state = MODEL.start(torch.tensor([[1], [2]]), torch.tensor([1, 1]))
    raised = marked.step(tokens, state)[0] - MODEL.step(tokens, state)[0]
    torch.testing.assert_close(raised, 2.0 * torch.stack([MARK.green(5), MARK.green(9)]))


def test_z_by_hand():
    green = MARK.green(3)
    yes, no = green.nonzero()[0].item(), (~green).nonzero()[0].item()
    share = 50 / 101
    assert MARK.z_score([3, yes]) == pytest.approx((1 - share) / math.sqrt(share * (1 - share)))
    assert MARK.z_score([3, no]) == pytest.approx(-share / math.sqrt(share * (1 - share)))


def test_repeated_pairs_count_once():
    text = torch.randint(V, (50,), generator=Generator().manual_seed(0)).tolist()
    assert MARK.z_score([*text, *text, *text, text[0]]) == MARK.z_score([*text, text[0]])


def test_written_text_is_found_and_other_text_is_a_standard_normal_away():
    marked = texts(Watermarked(MODEL, MARK), count=8)
    assert min(MARK.z_score(text) for text in marked) > 4
    other_key = Watermark(vocab_size=V, key=8)
    assert max(other_key.z_score(text) for text in marked) < 4
    short = GenerationConfig(max_new_tokens=40)
    plain = torch.tensor([MARK.z_score(text) for text in texts(MODEL, count=100, config=short)])
    assert abs(plain.mean()) < 0.3 and abs(plain.std() - 1) < 0.25


def test_without_strength_the_text_is_the_models_own():
    assert texts(Watermarked(MODEL, Watermark(vocab_size=V, strength=0)), count=3) == texts(MODEL, count=3)


def test_under_a_great_strength_the_likeliest_green_token_is_written():
    marked = Watermarked(MODEL, Watermark(vocab_size=V, strength=1000))
    [text] = generate(marked, [[5]], GREEDY)
    for index, previous in enumerate([5, *text[:-1]]):
        logits = MODEL(torch.tensor([[5, *text[:index]]]))[0, -1]
        assert logits.masked_fill(~marked.watermark.green(previous), -math.inf).argmax() == text[index]


def test_it_offers_what_its_model_offers():
    marked = Watermarked(MODEL, MARK)
    assert isinstance(marked, Decoder) and marked.config is MODEL.config and marked.room(6) == 122
    alone, together = ([[5]], [[5], [5, 6]])
    assert generate(marked, together, GREEDY)[0] == generate(marked, alone, GREEDY)[0]
    recurrent = Watermarked(RecurrentLM(RecurrentLMConfig(vocab_size=V, d_embed=3, d_hidden=4)), MARK)
    assert not hasattr(recurrent, "reorder") and not hasattr(recurrent, "room")
    assert min(MARK.z_score(text) for text in texts(recurrent, count=3)) > 4
