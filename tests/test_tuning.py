"""Losses on answers, preferences and rewards beside values by hand, and samples beside the model run over them."""

import math

import pytest
import torch
from helpers import enlarge
from torch import Generator, nn
from torch.nn import functional as F

from course_lib.generation import GenerationConfig, answers
from course_lib.gpt import GPT, GPTConfig, ModernGPT, ModernGPTConfig
from course_lib.losses import next_token_loss
from course_lib.recurrent import RecurrentLM, RecurrentLMConfig
from course_lib.training import Execution, TrainingConfig, random_rows, train
from course_lib.tuning import (
    answer_log_probabilities,
    answer_loss,
    answer_rows,
    dpo_loss,
    group_advantages,
    kl_estimate,
    policy_batch,
    policy_loss,
    preference_loss,
    preference_rows,
    sample_groups,
    summed_log_probabilities,
)

V, T, END = 11, 9, 1
PAIRS = [([5, 6, 7], [8]), ([5], [8, 9, 4, 3]), ([2, 2], [3, 7]), ([4, 3], [5])]


def gpt(**changes):
    torch.manual_seed(0)
    return enlarge(
        GPT(GPTConfig(**{"vocab_size": V, "context_length": T, "d_model": 6, "n_layers": 2, "n_heads": 2} | changes))
    ).double()


def modern():
    torch.manual_seed(0)
    sizes = {"d_model": 12, "n_layers": 2, "n_heads": 3, "n_kv_heads": 1, "d_ff": 10}
    return enlarge(ModernGPT(ModernGPTConfig(vocab_size=V, context_length=T, **sizes)))


class Table(nn.Module):
    """A model whose ln p(next token) depends on the last token alone, so that every value can be worked out by hand."""

    def __init__(self, probabilities):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(probabilities, dtype=torch.float64).log())

    def forward(self, tokens):
        return self.logits[tokens]

    def start(self, source, lengths):
        return None

    def step(self, tokens, state):
        return self.logits[tokens], None

    def reorder(self, state, rows):
        return None


def table():
    return Table([[0.5, 0.2, 0.2, 0.1], [0.1, 0.4, 0.3, 0.2], [0.25, 0.25, 0.25, 0.25], [0.6, 0.1, 0.1, 0.2]])


def rows(pairs=PAIRS, **options):
    return answer_rows(pairs, end_token=END, context_length=T, **options)


def learned(model, loss, batch):
    """One step against the gradient of a loss."""
    loss(model, batch).backward()
    with torch.no_grad():
        for weight in model.parameters():
            weight -= 0.01 * weight.grad


# Loss on answers.


def test_a_row_is_prompt_answer_and_end_and_the_mask_marks_the_last_two():
    tokens, mask = rows()
    assert tokens.tolist() == [[5, 6, 7, 8, 1, 0], [5, 8, 9, 4, 3, 1], [2, 2, 3, 7, 1, 0], [4, 3, 5, 1, 0, 0]]
    assert mask.int().tolist() == [[0, 0, 0, 1, 1, 0], [0, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 0], [0, 0, 1, 1, 0, 0]]


def test_packed_rows_hold_the_pairs_one_after_the_other_where_they_fit():
    tokens, mask = rows(packed=True)
    assert tokens.tolist() == [[5, 6, 7, 8, 1, 0, 0, 0, 0], [5, 8, 9, 4, 3, 1, 0, 0, 0], [2, 2, 3, 7, 1, 4, 3, 5, 1]]
    assert mask.int().tolist() == [
        [0, 0, 0, 1, 1, 0, 0, 0, 0],
        [0, 1, 1, 1, 1, 1, 0, 0, 0],
        [0, 0, 1, 1, 1, 0, 0, 1, 1],
    ]


def test_a_row_may_have_one_token_more_than_the_context():
    pair = ([2] * 5, [3] * 4)  # and the end token: 10, of which 9 are read
    assert answer_loss(gpt(), rows([pair])).isfinite()
    with pytest.raises(ValueError, match=r"pairs\[1\], end included, must fit into 10 tokens .* but it is 11"):
        rows([pair, ([2] * 5, [3] * 5)])


@pytest.mark.parametrize("packed", [False, True])
def test_the_loss_is_that_of_the_answers_tokens_alone(packed):
    tokens, mask = rows(packed=packed)
    targets = torch.where(mask, tokens, -100)[:, 1:]
    ours, theirs = gpt(), gpt()
    expected = next_token_loss(theirs, (tokens[:, :-1], targets))
    expected.backward()
    loss = answer_loss(ours, (tokens, mask))
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-12)
    loss.backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-10, atol=1e-12)


def test_hand_values_of_a_loss_and_its_gradient():
    model = table()
    loss = answer_loss(model, answer_rows([([0, 1], [2]), ([3], [0, 2])], end_token=1, context_length=5))
    by_hand = -(math.log(0.3) + math.log(0.25) + math.log(0.6) + math.log(0.2) + math.log(0.25)) / 5
    assert loss.item() == pytest.approx(by_hand, abs=1e-9)
    loss.backward()
    expected = [[0.1, 0.04, -0.16, 0.02], [0.02, 0.08, -0.14, 0.04], [0.1, -0.3, 0.1, 0.1], [-0.08, 0.02, 0.02, 0.04]]
    torch.testing.assert_close(model.logits.grad, torch.tensor(expected, dtype=torch.float64), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("make", [gpt, modern, lambda: RecurrentLM(RecurrentLMConfig(vocab_size=V))])
def test_log_probabilities_of_any_model_whatever_pads_the_rows(make):
    model, (tokens, mask) = make(), rows()
    log_p = answer_log_probabilities(model, (tokens, mask))
    assert log_p.shape == tokens.shape and not log_p[~mask].any()
    for row, (prompt, answer) in enumerate(PAIRS):
        text = torch.tensor([[*prompt, *answer, END]])
        each = model(text[:, :-1])[0].log_softmax(dim=-1)[range(text.shape[1] - 1), text[0, 1:]]
        torch.testing.assert_close(log_p[row][mask[row]], each[len(prompt) - 1 :], rtol=1e-5, atol=1e-5)
    padded = torch.where(mask.cumsum(1).eq(mask.sum(1, keepdim=True)) & ~mask, 7, tokens)
    assert not torch.equal(padded, tokens)
    torch.testing.assert_close(answer_log_probabilities(model, (padded, mask)), log_p)
    summed = summed_log_probabilities(model, (tokens, mask), batch_size=3)
    torch.testing.assert_close(summed, log_p.sum(dim=1).detach())
    assert not summed.requires_grad


def test_log_probabilities_are_in_evaluation_mode_and_of_more_axes():
    model, (tokens, mask) = gpt(dropout=0.5).train(), rows()
    summed = summed_log_probabilities(model, (tokens.view(2, 2, -1), mask.view(2, 2, -1)), batch_size=1)
    assert model.training and summed.shape == (2, 2)
    torch.testing.assert_close(summed.flatten(), summed_log_probabilities(model.eval(), (tokens, mask)))


def test_half_precision_sums_in_float32():
    model = gpt().bfloat16()
    assert answer_log_probabilities(model, rows()).dtype == torch.float32


@pytest.mark.parametrize("accumulate", [2, 4])
def test_a_batch_in_parts_is_the_whole_batch(accumulate):
    losses = {}
    for parts in (1, accumulate):
        execution, config = Execution(accumulate=parts), TrainingConfig(steps=3, learning_rate=0.1)
        losses[parts] = train(
            gpt(), answer_loss, lambda generator: rows(), config, show=False, execution=execution
        ).losses
    assert losses[1] == pytest.approx(losses[accumulate], rel=1e-9)


def test_answers_and_their_ends_are_learned_and_prompts_are_not():
    model, data = gpt().float(), rows()
    config = TrainingConfig(steps=150, learning_rate=0.02)
    train(model, answer_loss, random_rows(*data, batch_size=4), config, show=False)
    greedy = GenerationConfig(temperature=0, end_token=END, max_new_tokens=5)
    found = answers(model, [prompt for prompt, _ in PAIRS], greedy)
    assert [(one.tokens, one.reason) for one in found] == [(answer, "end token") for _, answer in PAIRS]


# Preferences.


def test_the_preference_loss_by_hand():
    scores = torch.tensor([[0.3, -0.2], [1.0, 2.5]], dtype=torch.float64, requires_grad=True)
    loss = preference_loss(scores)
    assert loss.item() == pytest.approx((math.log(1 + math.exp(-0.5)) + math.log(1 + math.exp(1.5))) / 2, abs=1e-9)
    loss.backward()
    slopes = [1 / (1 + math.exp(0.5)) / 2, 1 / (1 + math.exp(-1.5)) / 2]
    expected = torch.tensor([[-slopes[0], slopes[0]], [-slopes[1], slopes[1]]], dtype=torch.float64)
    torch.testing.assert_close(scores.grad, expected, rtol=1e-6, atol=1e-6)
    assert torch.autograd.gradcheck(preference_loss, scores)
    assert preference_loss(torch.tensor([[0.0, 500.0]])).item() == 500, "no overflow"


TRIPLES = [([0, 3], [2], [0, 0]), ([1], [2, 2], [3])]


def triples():
    return preference_rows(TRIPLES, end_token=1, context_length=5)


def test_a_pair_of_rows_has_the_preferred_answer_first():
    tokens, mask = triples()
    assert tokens.tolist() == [[[0, 3, 2, 1, 0], [0, 3, 0, 0, 1]], [[1, 2, 2, 1, 0], [1, 3, 1, 0, 0]]]
    assert mask.int().tolist() == [[[0, 0, 1, 1, 0], [0, 0, 1, 1, 1]], [[0, 1, 1, 1, 0], [0, 1, 1, 0, 0]]]


def test_the_dpo_loss_by_hand_and_its_gradient():
    model = table()
    log_p = torch.tensor([[0.1 * 0.25, 0.6 * 0.5 * 0.2], [0.3 * 0.25 * 0.25, 0.2 * 0.1]], dtype=torch.float64).log()
    torch.testing.assert_close(summed_log_probabilities(model, triples()), log_p, rtol=1e-9, atol=1e-9)
    reference = torch.tensor([[-3.0, -2.5], [-4.5, -3.5]], dtype=torch.float64)
    loss = dpo_loss(model, (*triples(), reference), beta=0.3)
    chosen, rejected = 0.3 * (log_p - reference).T
    by_hand = torch.log(1 + torch.exp(-(chosen - rejected))).mean()
    torch.testing.assert_close(loss, by_hand, rtol=1e-6, atol=1e-6)
    logits = model.logits.detach().clone().requires_grad_()

    def of(logits):
        each = logits.log_softmax(dim=-1)
        preferred = torch.stack([each[3, 2] + each[2, 1], each[1, 2] + each[2, 2] + each[2, 1]])
        other = torch.stack([each[3, 0] + each[0, 0] + each[0, 1], each[1, 3] + each[3, 1]])
        ratios = (preferred - other) - (reference[:, 0] - reference[:, 1])  # as trl writes it
        return -F.logsigmoid(0.3 * ratios).mean()

    of(logits).backward()
    loss.backward()
    torch.testing.assert_close(model.logits.grad, logits.grad, rtol=1e-6, atol=1e-9)


def test_dpo_begins_at_ln_2_and_a_step_makes_the_preferred_answers_more_probable():
    model, data = gpt(), preference_rows([([5, 6], [7], [8, 9]), ([2], [3, 3], [4])], end_token=END, context_length=T)
    reference = summed_log_probabilities(model, data)
    batch = (*data, reference)
    assert dpo_loss(model, batch).item() == pytest.approx(math.log(2), abs=1e-9)
    learned(model, dpo_loss, batch)
    gained = summed_log_probabilities(model, data) - reference
    assert (gained[:, 0] > gained[:, 1]).all()


# Rewards.


def test_advantages_by_hand():
    rewards = [1.0, 0.0, 0.0, 0.0, 2.0, 4.0, 6.0, 0.0]
    found = group_advantages(rewards, 4)
    expected = torch.tensor([0.75, -0.25, -0.25, -0.25, -1, 1, 3, -3])
    expected[:4] /= 0.5
    expected[4:] /= math.sqrt((1 + 1 + 9 + 9) / 3)
    torch.testing.assert_close(found, expected)
    groups = torch.tensor(rewards).view(-1, 4)
    torch.testing.assert_close(found, ((groups - groups.mean(1, keepdim=True)) / groups.std(1, keepdim=True)).flatten())
    assert group_advantages([True, False], 2).tolist() == pytest.approx([0.5**0.5, -(0.5**0.5)])


def test_equal_rewards_say_nothing():
    assert group_advantages([0.1 + 0.2, 0.3, 0.3, 7, 7, 7], 3).tolist() == [0] * 6, "nor do rounding errors"


def one_batch(model, advantages=(1.0, -0.5), before=None):
    """Two answers from prompts of unequal length, to be learned from."""
    tokens, mask = answer_rows([([0, 3], [2]), ([1], [2, 2])], end_token=1, context_length=5)
    before = answer_log_probabilities(model, (tokens, mask)).detach() if before is None else before
    return tokens, mask, before, torch.tensor(advantages, dtype=torch.float64)


SHIFT = torch.tensor([[0, 0, 0.5, -0.3], [0, -0.1, -0.4, 0.6]], dtype=torch.float64)


@pytest.mark.parametrize("kl_weight", [0.0, 0.7])
def test_the_policy_loss_by_hand_and_its_gradient(kl_weight):
    model = table()
    now = answer_log_probabilities(model, one_batch(model)[:2]).detach()
    reference = now + 0.4 * SHIFT.flip(1) * (now != 0)
    batch = one_batch(model, before=now - SHIFT)
    batch = (*batch, reference) if kl_weight else batch
    loss = policy_loss(model, batch, clip=0.2, kl_weight=kl_weight)
    gains = [math.exp(0.5), math.exp(-0.3), -math.exp(-0.1) / 2, -math.exp(-0.4) / 2, -math.exp(0.6) / 2]
    gains[0] = 1.2  # a gain is clipped where it would grow further,
    gains[3] = -0.8 / 2  # for a bad answer below; but never where it would shrink
    difference = (reference - now)[batch[1]]
    penalty = kl_weight * (difference.exp() - difference - 1).sum().item()
    assert loss.item() == pytest.approx((penalty - sum(gains)) / 5, abs=1e-9)
    loss.backward()

    def as_trl_writes_it(logits):
        each = logits.log_softmax(dim=-1)
        log_p = torch.stack([each[3, 2], each[2, 1], each[1, 2], each[2, 2], each[2, 1]])
        ratio, advantage = torch.exp(log_p - batch[2][batch[1]]), torch.tensor([1, 1, -0.5, -0.5, -0.5]).double()
        loss = -torch.min(ratio * advantage, torch.clamp(ratio, 0.8, 1.2) * advantage)
        other = reference[batch[1]]
        return (loss + kl_weight * (torch.exp(other - log_p) - (other - log_p) - 1)).sum() / 5

    logits = model.logits.detach().clone().requires_grad_()
    as_trl_writes_it(logits).backward()
    torch.testing.assert_close(model.logits.grad, logits.grad, rtol=1e-6, atol=1e-9)
    assert torch.autograd.gradcheck(as_trl_writes_it, logits)


def test_right_after_sampling_the_gradient_is_that_of_reinforce():
    model, other = gpt(), gpt()
    batch = (*rows(PAIRS[:2]), None, torch.tensor([0.7, -1.3]))
    batch = (*batch[:2], answer_log_probabilities(model, batch[:2]).detach(), batch[3])
    policy_loss(model, batch, clip=math.inf).backward()
    log_p = answer_log_probabilities(other, batch[:2]).sum(dim=1)
    (-(log_p * batch[3]).sum() / batch[1].sum()).backward()
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("shift", "advantage", "moves"), [(1, 1, False), (1, -1, True), (-1, 1, True), (-1, -1, False)]
)
def test_what_left_the_clipped_range_in_its_own_direction_has_no_gradient(shift, advantage, moves):
    model = table()
    tokens, mask, now, _ = one_batch(model)
    policy_loss(model, (tokens, mask, now - shift * mask, torch.full((2,), float(advantage)))).backward()
    assert bool(model.logits.grad.abs().sum() > 1e-9) == moves


def test_a_step_makes_the_better_answer_more_probable_and_the_worse_less():
    model, data = gpt(), rows([([5, 6], [7, 3]), ([5, 6], [2, 9])])
    before = answer_log_probabilities(model, data).detach()
    learned(model, policy_loss, (*data, before, group_advantages([1, 0], 2)))
    better, worse = answer_log_probabilities(model, data).sum(1) - before.sum(1)
    assert better > 0 > worse


def test_padding_and_prompts_count_for_nothing():
    model, (tokens, mask) = gpt(), rows()
    before, advantages = answer_log_probabilities(model, (tokens, mask)).detach(), torch.tensor([1.0, -0.5, 2, 0])
    loss = policy_loss(model, (tokens, mask, before, advantages))
    wider = [F.pad(tensor, (0, 3)) for tensor in (tokens, mask, before)]
    torch.testing.assert_close(policy_loss(model, (*wider, advantages)), loss, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(loss, -(advantages * mask.sum(1)).sum().double() / mask.sum())


def test_the_kl_estimate_has_the_mean_of_the_divergence_and_is_never_negative():
    p, q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.3, 0.5])
    each = kl_estimate(p.log(), q.log())
    assert (each >= 0).all() and each[1] == 0
    torch.testing.assert_close((p * each).sum(), (p * (p / q).log()).sum())


# Sampling.


@pytest.mark.parametrize("make", [gpt, modern, lambda: RecurrentLM(RecurrentLMConfig(vocab_size=V))])
def test_recorded_log_probabilities_are_those_of_the_model_run_over_the_whole_row(make):
    model = make()
    samples = sample_groups(model, [[5, 6, 7], [2], [3, 4]], 20, 5, END, Generator().manual_seed(0))
    again = answer_log_probabilities(model, samples[:2])
    torch.testing.assert_close(samples.log_probabilities.to(again.dtype), again.detach(), rtol=1e-4, atol=1e-4)
    assert {len(one) for one in samples.written} == {0, 1, 2, 3, 4, 5}, "all lengths occur"


def test_samples_come_group_by_group_with_their_end_tokens_marked():
    prompts = [[5, 6, 7], [2]]
    samples = sample_groups(gpt(), prompts, 16, 5, END, Generator().manual_seed(0))
    assert samples.tokens.shape == samples.answers.shape == samples.log_probabilities.shape
    for row, written in enumerate(samples.written):
        prompt = prompts[row // 16]
        end = [END] if len(written) < 5 else []
        whole = [*prompt, *written, *end]
        assert samples.tokens[row].tolist() == whole + [0] * (samples.tokens.shape[1] - len(whole))
        marked = samples.answers[row].nonzero().flatten().tolist()
        assert marked == list(range(len(prompt), len(whole)))
    assert not samples.log_probabilities[~samples.answers].any()
    model = gpt()
    torch.manual_seed(3)  # which must not matter
    assert sample_groups(model, prompts, 16, 5, END, Generator().manual_seed(0)).written == samples.written


def test_answers_are_drawn_with_the_models_own_probabilities():
    samples = sample_groups(table(), [[1]], 4000, 1, 0, Generator().manual_seed(0))
    shares = [sum(one == [token] for one in samples.written) / 4000 for token in (1, 2, 3)]
    assert shares == pytest.approx([0.4, 0.3, 0.2], abs=0.03)
    assert sum(one == [] for one in samples.written) / 4000 == pytest.approx(0.1, abs=0.02)


def test_an_answer_that_fills_the_context_has_no_end():
    samples = sample_groups(gpt(), [[5] * 8], 12, 50, END, Generator().manual_seed(0))
    assert samples.tokens.shape[1] <= T + 1
    assert policy_loss(gpt(), policy_batch(samples, range(12))).isfinite()


def test_groups_of_equal_rewards_are_left_out():
    samples = sample_groups(gpt(), [[5, 6, 7], [2], [3, 4]], 2, 4, END, Generator().manual_seed(0))
    tokens, mask, log_p, advantages = policy_batch(samples, [3, 3, 0, 1, 5, 5])
    assert torch.equal(tokens, samples.tokens[2:4]) and torch.equal(mask, samples.answers[2:4])
    assert torch.equal(log_p, samples.log_probabilities[2:4])
    assert advantages.tolist() == pytest.approx([-(0.5**0.5), 0.5**0.5])


@pytest.mark.parametrize("make", [gpt, modern])
def test_where_all_groups_are_equal_nothing_is_learned(make):
    model = make()
    samples = sample_groups(model, [[5, 6, 7], [2]], 2, 4, END, Generator().manual_seed(0))
    loss = policy_loss(model, policy_batch(samples, [1, 1, 0, 0]))
    loss.backward()
    assert loss.item() == 0 and not any(weight.grad is not None and weight.grad.any() for weight in model.parameters())


def test_rewards_of_another_number_are_refused():
    samples = sample_groups(gpt(), [[5, 6, 7], [2]], 2, 4, END, Generator().manual_seed(0))
    with pytest.raises(ValueError, match="rewards must be 4 numbers, one for each answer, but it is 2"):
        policy_batch(samples, [1, 0])


def test_train_learns_from_rewards_alone():
    model, prompts = modern(), [[5, 6, 7], [2]]

    def batches(generator):
        samples = sample_groups(model, prompts, 16, 3, END, generator)
        shares.append(sum(one.count(8) for one in samples.written) / sum(map(len, samples.written)))
        return policy_batch(samples, [one.count(8) for one in samples.written])

    shares = []
    train(model, policy_loss, batches, TrainingConfig(steps=40, learning_rate=0.02), show=False)
    assert shares[0] < 0.4 and shares[-1] > 0.8
