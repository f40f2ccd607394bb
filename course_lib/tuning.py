"""Teaching a trained model: losses on answers alone, on preferences between two answers, and on answers' rewards.

Axes: B any axes before the last, T position, N pairs of answers, or samples, V vocabulary, A tokens of answers.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from course_lib.generation import Decoder, GenerationConfig, answers
from course_lib.generation.decoding import padded
from course_lib.losses import mean_over
from course_lib.runtime import evaluating
from course_lib.shapes import require_tensor
from course_lib.validation import Ids, ids_of, require, require_finite, require_integer, require_number, rows_of_ids

__all__ = [
    "answer_log_probabilities",
    "answer_loss",
    "answer_rows",
    "dpo_loss",
    "group_advantages",
    "kl_estimate",
    "policy_batch",
    "policy_loss",
    "preference_loss",
    "preference_rows",
    "sample_groups",
    "summed_log_probabilities",
]


Rows = tuple[Int[Tensor, "*B T"], Bool[Tensor, "*B T"]]  # tokens, and which of them belong to an answer


def answer_rows(pairs: Iterable[tuple[Ids, Ids]], *, end_token: int, context_length: int, packed: bool = False) -> Rows:
    """Rows of prompt, answer and end token, padded with 0; and which tokens are an answer's, its end token included.

    `packed` puts several pairs into a row if they fit; an answer is then predicted from the pairs before it as well.
    A row has at most context_length + 1 tokens, because the last one is predicted but not read. Raises ValueError for
    an empty prompt or answer, and for a pair that is longer than the context.

    >>> tokens, answers = answer_rows([([5, 6, 7], [8]), ([5], [8, 9])], end_token=1, context_length=6)
    >>> tokens, answers.int()
    (tensor([[5, 6, 7, 8, 1],
            [5, 8, 9, 1, 0]]), tensor([[0, 0, 0, 1, 1],
            [0, 1, 1, 1, 0]], dtype=torch.int32))
    """
    require_integer("end_token", end_token, at_least=0)
    require_integer("context_length", context_length, at_least=1)
    rows, masks, room = [], [], context_length + 1
    for index, pair in enumerate(pairs):
        name = f"pairs[{index}]"
        _require_parts(name, pair, "prompt", "answer")
        prompt, answer = ids_of(f"{name}[0]", pair[0]).tolist(), ids_of(f"{name}[1]", pair[1]).tolist()
        require(prompt and answer, f"prompt and answer of {name} must have at least one token each", pair)
        row, mask = [*prompt, *answer, end_token], [0] * len(prompt) + [1] * (len(answer) + 1)
        require(len(row) <= room, f"{name}, end included, must fit into {room} tokens (context_length + 1)", len(row))
        if packed and rows and len(rows[-1]) + len(row) <= room:
            row, mask = rows.pop() + row, masks.pop() + mask
        rows.append(row)
        masks.append(mask)
    require(rows, "pairs must hold at least one pair", rows)
    return padded(rows)[0], padded(masks)[0].bool()


def answer_log_probabilities(model: nn.Module, rows: Sequence[Tensor]) -> Float[Tensor, "*B T"]:
    """ln p of each token of the answers, given all tokens before it; elsewhere 0.

    `rows` come from `answer_rows`; the model is any whose forward gives the logits of what follows each token. Raises
    ValueError for rows of another form.
    """
    _require_parts("rows", rows, "tokens", "answers")
    tokens, answers = rows
    require_tensor("tokens", tokens, "...", "time", integers=True)
    fits = isinstance(answers, Tensor) and answers.dtype == torch.bool and answers.shape == tokens.shape
    require(fits, f"answers must be a boolean tensor of shape {tuple(tokens.shape)}", answers)
    predicted = answers[..., 1:].flatten(0, -2)
    logits = model(tokens[..., :-1].flatten(0, -2))[predicted]  # (A, V): no others are kept for the gradient
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    log_p = -F.cross_entropy(logits, tokens[..., 1:].flatten(0, -2)[predicted].long(), reduction="none")
    placed = log_p.new_zeros(predicted.shape).masked_scatter(predicted, log_p)
    return F.pad(placed, (1, 0)).view(tokens.shape)


@mean_over(lambda rows: rows[1].sum())
def answer_loss(model: nn.Module, rows: Sequence[Tensor]) -> Float[Tensor, ""]:
    """The mean of -ln p over the tokens of the answers, their end tokens included, in nats: a loss for `train`.

    `random_rows(*rows, batch_size=8)` draws batches. Raises ValueError for rows of another form.
    """
    return -answer_log_probabilities(model, rows).sum() / rows[1].sum()


def summed_log_probabilities(model: nn.Module, rows: Sequence[Tensor], batch_size: int = 16) -> Float[Tensor, "*B"]:
    """ln p of each whole answer, given its prompt, in evaluation mode and in batches of `batch_size` rows."""
    _require_parts("rows", rows, "tokens", "answers")
    require_integer("batch_size", batch_size, at_least=1)
    with evaluating(model), torch.no_grad():
        batches = zip(*(part.split(batch_size) for part in rows), strict=True)
        return torch.cat([answer_log_probabilities(model, batch).sum(dim=-1) for batch in batches])


def preference_rows(triples: Iterable[tuple[Ids, Ids, Ids]], *, end_token: int, context_length: int) -> Rows:
    """Rows (N, 2, T) of prompts with a preferred and with a rejected answer; `answer_rows` pads them.

    Raises ValueError for two equal answers, of which neither can be better, and as `answer_rows`, which counts answers:
    those of triples[3] are pairs[6] and pairs[7].
    """
    pairs = []
    for index, triple in enumerate(triples):
        _require_parts(f"triples[{index}]", triple, "prompt", "preferred answer", "rejected answer")
        require(list(triple[1]) != list(triple[2]), f"the answers of triples[{index}] must differ", triple[1:])
        pairs += [(triple[0], triple[1]), (triple[0], triple[2])]
    tokens, answers = answer_rows(pairs, end_token=end_token, context_length=context_length)
    return tokens.unflatten(0, (-1, 2)), answers.unflatten(0, (-1, 2))


def preference_loss(scores: Float[Tensor, "N 2"]) -> Float[Tensor, ""]:
    """The mean of -ln σ(preferred - rejected): Bradley and Terry (1952), as reward models are trained.

    Raises ValueError for scores that are no pairs.

    >>> preference_loss(torch.tensor([[2.0, 2.0], [3.0, 0.0]]))  # (ln 2 + ln(1 + e^-3)) / 2
    tensor(0.3709)
    """
    require_tensor("scores", scores, "pairs", 2)
    return -F.logsigmoid(scores[:, 0] - scores[:, 1]).mean()


def dpo_loss(model: nn.Module, batch: Sequence[Tensor], beta: float = 0.1) -> Float[Tensor, ""]:
    """`preference_loss` of the scores β (ln p(answer) - ln p_reference(answer)): Rafailov et al. (2023), equation 7.

    A batch is (tokens, answers, reference): `preference_rows`, and the `summed_log_probabilities` that they had before
    training. The smaller β, the further the model moves from that reference. Raises ValueError for a batch of another
    form.
    """
    _require_parts("a batch", batch, "tokens", "answers", "reference")
    require_number("beta", beta, above=0, below=math.inf)
    log_p = answer_log_probabilities(model, batch[:2]).sum(dim=-1)
    require_tensor("reference", batch[2], *log_p.shape)
    return preference_loss(beta * (log_p - batch[2]))


class Samples(NamedTuple):
    """Answers that a model wrote, group_size for each prompt, one after the other."""

    tokens: Int[Tensor, "N T"]  # prompt, answer, end token if it came, padding
    answers: Bool[Tensor, "N T"]  # which tokens the model wrote
    log_probabilities: Float[Tensor, "N T"]  # of these tokens, when they were sampled; 0 elsewhere
    written: list[list[int]]  # the answers alone, without end tokens
    group_size: int


def sample_groups(
    model: Decoder, prompts: Iterable[Ids], group_size: int, max_new_tokens: int, end_token: int, generator: Generator
) -> Samples:
    """`group_size` answers to each prompt, at temperature 1, and the log probabilities that their tokens had.

    At another temperature, or with top_k or top_p, answers would come from another distribution than the one whose
    gradient `policy_loss` takes. Raises ValueError as `generate`, and for groups of a single answer.
    """
    require_integer("group_size", group_size, at_least=2)
    repeated = [prompt for prompt in rows_of_ids("prompts", prompts) for _ in range(group_size)]
    config = GenerationConfig(max_new_tokens=max_new_tokens, end_token=end_token)
    with evaluating(model) as device:
        found = answers(model, repeated, config, generator)
    rows, masks, log_p = [], [], []
    for prompt, answer in zip(repeated, found, strict=True):
        ended = answer.reason == "end token"
        written = [*answer.tokens, end_token] if ended else answer.tokens
        rows.append(prompt + written)
        masks.append([0] * len(prompt) + [1] * len(written))
        log_p += [*answer.log_probabilities, answer.end_log_probability][: len(written)]
    tokens, mask = padded(rows, device)[0], padded(masks, device)[0].bool()
    recorded = torch.zeros(mask.shape, device=device).masked_scatter(mask, torch.tensor(log_p, device=device))
    return Samples(tokens, mask, recorded, [answer.tokens for answer in found], group_size)


def group_advantages(rewards: Any, group_size: int) -> Float[Tensor, " N"]:
    """(R - mean) / standard deviation, both of the answer's own group: Shao et al. (2024, GRPO), section 4.1.2.

    The mean is the baseline that other methods train a network for. In a group whose rewards are all equal, advantages
    are 0, because such a group does not say which answer is better. Raises ValueError for NaN, and for rewards whose
    number is no multiple of group_size.

    >>> group_advantages([1, 0, 0, 5, 5, 5], group_size=3)
    tensor([ 1.1547, -0.5774, -0.5774,  0.0000,  0.0000,  0.0000])
    """
    require_integer("group_size", group_size, at_least=2)
    array = require_finite("rewards", rewards)
    whole = array.ndim == 1 and array.size and array.size % group_size == 0
    require(whole, f"rewards must be numbers, one for each answer, {group_size} (group_size) for each prompt", array)
    groups = torch.from_numpy(array).double().view(-1, group_size)
    equal = torch.isclose(groups.amin(dim=1, keepdim=True), groups.amax(dim=1, keepdim=True))
    advantages = (groups - groups.mean(dim=1, keepdim=True)) / groups.std(dim=1, keepdim=True)
    return advantages.masked_fill(equal, 0).flatten().float()


def policy_batch(samples: Samples, rewards: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Tokens, answers, log probabilities and advantages of the samples, for `policy_loss`.

    Rewards come in the order of `samples.written`. Groups of equal rewards are left out, so that there may be no rows.
    Raises ValueError as `group_advantages`.
    """
    require(isinstance(samples, Samples), "samples must be Samples, as sample_groups gives them", samples)
    advantages = group_advantages(rewards, samples.group_size).to(samples.tokens.device)
    there = len(samples.written)
    require(len(advantages) == there, f"rewards must be {there} numbers, one for each answer", len(advantages))
    kept = advantages.view(-1, samples.group_size).any(dim=1).repeat_interleave(samples.group_size)
    return samples.tokens[kept], samples.answers[kept], samples.log_probabilities[kept], advantages[kept]


@mean_over(lambda batch: batch[1].sum())
def policy_loss(
    model: nn.Module, batch: Sequence[Tensor], *, clip: float | int = 0.2, kl_weight: float | int = 0.0
) -> Float[Tensor, ""]:
    """The mean of -min(r A, clip(r, 1 - ε, 1 + ε) A) over the answers' tokens: Schulman et al. (2017, PPO), equation 7.

    A is the answer's advantage, and r is p(token) over the probability that it was sampled with. Right after sampling,
    r = 1, and the gradient is that of REINFORCE (Williams, 1992). GRPO's paper first divides by each answer's length,
    which favours long wrong answers. With `kl_weight`, the weighted `kl_estimate` is added; the batch's fifth part is
    then the `answer_log_probabilities` of a reference. A batch without rows has a loss of 0. Raises ValueError for a
    batch of another form.
    """
    require_number("clip", clip, above=0)
    require_number("kl_weight", kl_weight, at_least=0, below=math.inf)
    reference = ["reference"] if kl_weight else []
    _require_parts("a batch", batch, "tokens", "answers", "log_probabilities", "advantages", *reference)
    tokens, answers, before, advantages = batch[:4]
    log_p = answer_log_probabilities(model, (tokens, answers))
    require_tensor("log_probabilities", before, *log_p.shape)
    require_tensor("advantages", advantages, len(tokens))
    ratio, advantage = (log_p - before).exp(), advantages[:, None]
    gain = torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)
    if kl_weight:
        gain = gain - kl_weight * kl_estimate(log_p, batch[4])
    return -gain[answers].sum() / answers.sum().clamp(min=1)


def kl_estimate(log_p: Float[Tensor, "*B"], reference: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """q/p - 1 - ln(q/p) of tokens sampled from p: its mean estimates KL(p || q) of the model p from the reference q.

    Schulman (2020). ln(p/q) has the same mean, but this is never negative. Raises ValueError for unequal shapes.

    >>> kl_estimate(torch.tensor([0.5]).log(), torch.tensor([0.25]).log())  # 0.5 - 1 + ln 2
    tensor([0.1931])
    """
    require_tensor("reference", reference, *log_p.shape)
    return (reference - log_p).exp() - 1 - (reference - log_p)


def _require_parts(name: str, value: Any, *parts: str) -> None:
    require(isinstance(value, tuple | list) and len(value) == len(parts), f"{name} must be ({', '.join(parts)})", value)
