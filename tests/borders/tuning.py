"""Borders of `lora` and `tuning`."""

import math
import tempfile
from pathlib import Path

import torch
from course_lib.gpt import GPT, GPTConfig
from course_lib.lora import LoRAConfig, add_lora, load_lora, merge_lora, save_lora
from course_lib.training import save_weights
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
from torch import Generator, nn

from borders import Border

ROWS = answer_rows([([1, 2], [3]), ([4], [5, 6])], end_token=0, context_length=4)
PAIRS = preference_rows([([1, 2], [3], [4, 5])], end_token=0, context_length=4)
LOG_P = torch.zeros(2, 4)
PATH = Path("adapters.safetensors")


def gpt():
    return GPT(GPTConfig(vocab_size=7, context_length=5, d_model=4, n_layers=1, n_heads=2))


def adapted():
    model = gpt()
    add_lora(model, LoRAConfig())
    return model


def loaded(write):
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / PATH)
        load_lora(Path(folder) / PATH, gpt())


def of_another_model(path):
    model = GPT(GPTConfig(vocab_size=7, d_model=6, n_layers=1, n_heads=2))
    add_lora(model, LoRAConfig())
    save_lora(path, model)


def rows(pairs, end_token=0, context_length=4):
    return answer_rows(pairs, end_token=end_token, context_length=context_length)


def pairs(triples):
    return preference_rows(triples, end_token=0, context_length=4)


def sampled(prompts=((1, 2), (3,)), group_size=2, **changes):
    arguments = {"max_new_tokens": 2, "end_token": 0, "generator": Generator()} | changes
    return sample_groups(gpt(), [list(prompt) for prompt in prompts], group_size, **arguments)


def policy(batch, **options):
    return policy_loss(gpt(), batch, **options)


LORA = [
    Border("lora.LoRAConfig", "no rank", lambda: LoRAConfig(rank=0), "rank must be at least 1, but it is 0"),
    Border("lora.LoRAConfig", "half a rank", lambda: LoRAConfig(rank=2.5), "rank must be an integer, but it is 2.5"),
    Border("lora.LoRAConfig", "an alpha of 0", lambda: LoRAConfig(alpha=0), "alpha must be above 0 and finite, but it is 0"),
    Border("lora.LoRAConfig", "NaN", lambda: LoRAConfig(alpha=math.nan), "alpha must be a number, but it is nan"),
    Border("lora.LoRAConfig", "one target", lambda: LoRAConfig(targets="query"), "targets must be several texts, but it is one, 'query': put it in a list"),
    Border("lora.LoRAConfig", "no targets", lambda: LoRAConfig(targets=[]), "targets must hold at least one name"),
    Border("lora.add_lora", "a target that there is not", lambda: add_lora(gpt(), LoRAConfig(targets=["q_proj"])), "attention.projection.query, "),
    Border("lora.add_lora", "a part of a word", lambda: add_lora(gpt(), LoRAConfig(targets=["quer"])), "but it is 'quer'"),
    Border("lora.add_lora", "adapters twice", lambda: add_lora(adapted(), LoRAConfig()), "the model must have no adapters yet"),
    Border("lora.add_lora", "a function", lambda: add_lora(gpt, LoRAConfig()), "the model must be a torch.nn.Module"),
    Border("lora.add_lora", "a rank alone", lambda: add_lora(gpt(), 8), "config must be a LoRAConfig, but it is 8"),
    Border("lora.add_lora", "no matrix", lambda: add_lora(nn.Tanh(), LoRAConfig()), "but it is 'query'"),
    Border("lora.merge_lora", "no adapters", lambda: merge_lora(gpt()), "the model must have adapters (add_lora puts them there), but it is 'GPT'"),
    Border("lora.merge_lora", "weights", lambda: merge_lora(gpt().state_dict()), "the model must be a torch.nn.Module"),
    Border("lora.save_lora", "no adapters", lambda: save_lora(PATH, gpt()), "the model must have adapters"),
    Border("lora.save_lora", "no path", lambda: save_lora(None, adapted()), "a path must be a string or a pathlib.Path"),
    Border("lora.load_lora", "no file", lambda: load_lora("no file", gpt()), "there is no checkpoint no file", FileNotFoundError),
    Border("lora.load_lora", "a model's file", lambda: loaded(lambda path: save_weights(path, gpt())), "holds no adapters: expected what save_lora writes"),
    Border("lora.load_lora", "another model's", lambda: loaded(of_another_model), "holds another model: for"),
    Border("lora.load_lora", "a damaged file", lambda: loaded(lambda path: path.write_bytes(b"no safetensors")), "is no safetensors file, or damaged"),
]
ANSWERS = [
    Border("tuning.answer_rows", "an empty answer", lambda: rows([([1], [2]), ([3], [])]), "prompt and answer of pairs[1] must have at least one token each"),
    Border("tuning.answer_rows", "an empty prompt", lambda: rows([([], [2])]), "prompt and answer of pairs[0] must have at least one token each"),
    Border("tuning.answer_rows", "a prompt longer than the context", lambda: rows([([1] * 9, [2])]), "pairs[0], end included, must fit into 5 tokens"),
    Border("tuning.answer_rows", "an answer that does not fit", lambda: rows([([1], [2] * 4)]), "(context_length + 1), but it is 6"),
    Border("tuning.answer_rows", "one pair", lambda: rows(([1], [2])), "pairs[0] must be (prompt, answer), but it is [1]"),
    Border("tuning.answer_rows", "texts", lambda: rows([("a", "b")]), "pairs[0][0] must be a sequence of ids"),
    Border("tuning.answer_rows", "a fraction", lambda: rows([([1], [2.5])]), "pairs[0][1] must be integers (ids), but at position 0 there is 2.5"),
    Border("tuning.answer_rows", "no pairs", lambda: rows([]), "pairs must hold at least one pair, but it is []"),
    Border("tuning.answer_rows", "no end token", lambda: rows([([1], [2])], end_token=None), "end_token must be an integer, but it is None"),
    Border("tuning.answer_rows", "no context", lambda: rows([([1], [2])], context_length=0), "context_length must be at least 1, but it is 0"),
    Border("tuning.answer_log_probabilities", "tokens alone", lambda: answer_log_probabilities(gpt(), ROWS[0]), "rows must be (tokens, answers)"),
    Border(
        "tuning.answer_log_probabilities",
        "a mask of numbers",
        lambda: answer_log_probabilities(gpt(), (ROWS[0], ROWS[0])),
        "answers must be a boolean tensor of shape (2, 4), but it is a tensor of shape (2, 4) and dtype int64",
    ),
    Border("tuning.answer_log_probabilities", "fractions", lambda: answer_log_probabilities(gpt(), (LOG_P, ROWS[1])), "tokens must be a tensor of integers"),
    Border(
        "tuning.answer_log_probabilities",
        "a mask of another shape",
        lambda: answer_log_probabilities(gpt(), (ROWS[0], ROWS[1][:, :2])),
        "answers must be a boolean tensor of shape (2, 4)",
    ),
    Border("tuning.answer_loss", "inputs, targets", lambda: answer_loss(gpt(), (ROWS[0][:, :-1], ROWS[0][:, 1:])), "answers must be a boolean tensor"),
    Border("tuning.summed_log_probabilities", "tokens alone", lambda: summed_log_probabilities(gpt(), ROWS[0]), "rows must be (tokens, answers)"),
    Border("tuning.summed_log_probabilities", "no batch", lambda: summed_log_probabilities(gpt(), ROWS, 0), "batch_size must be at least 1, but it is 0"),
]
PREFERENCES = [
    Border("tuning.preference_rows", "equal answers", lambda: pairs([([1], [2], [3]), ([1], [2], [2])]), "the answers of triples[1] must differ"),
    Border("tuning.preference_rows", "a pair", lambda: pairs([([1], [2])]), "triples[0] must be (prompt, preferred answer, rejected answer)"),
    Border("tuning.preference_rows", "an empty answer", lambda: pairs([([1], [2], [3]), ([1], [2], [])]), "prompt and answer of pairs[3] must have"),
    Border("tuning.preference_loss", "preferred scores alone", lambda: preference_loss(torch.zeros(3)), "scores must be a tensor of floats (pairs, 2)"),
    Border("tuning.preference_loss", "three answers", lambda: preference_loss(torch.zeros(3, 3)), "scores must be a tensor of floats (pairs, 2)"),
    Border("tuning.dpo_loss", "no reference", lambda: dpo_loss(gpt(), PAIRS), "a batch must be (tokens, answers, reference)"),
    Border("tuning.dpo_loss", "a reference per token", lambda: dpo_loss(gpt(), (*PAIRS, torch.zeros(1, 2, 5))), "reference must be a tensor of floats (1, 2)"),
    Border("tuning.dpo_loss", "a beta of 0", lambda: dpo_loss(gpt(), (*PAIRS, torch.zeros(1, 2)), beta=0), "beta must be above 0 and finite, but it is 0"),
]
REWARDS = [
    Border("tuning.sample_groups", "a group of one", lambda: sampled(group_size=1), "group_size must be at least 2, but it is 1"),
    Border("tuning.sample_groups", "one prompt", lambda: sample_groups(gpt(), [1, 2], 2, 2, 0, Generator()), "prompts must be several sequences of ids"),
    Border("tuning.sample_groups", "an empty prompt", lambda: sampled([[1], []]), "each prompt needs at least one token"),
    Border("tuning.sample_groups", "no tokens to write", lambda: sampled(max_new_tokens=0), "max_new_tokens must be at least 1, but it is 0"),
    Border("tuning.sample_groups", "an end token beyond", lambda: sampled(end_token=7), "end_token must be below vocab_size, which is 7"),
    Border("tuning.sample_groups", "a seed", lambda: sampled(generator=3), "a generator must be a torch.Generator on the CPU, but it is 3"),
    Border("tuning.group_advantages", "NaN", lambda: group_advantages([1, math.nan], 2), "rewards must be finite numbers, but at (1,) there is nan"),
    Border("tuning.group_advantages", "None", lambda: group_advantages([1, None], 2), "rewards must be numbers, but at (1,) there is None"),
    Border(
        "tuning.group_advantages", "a group that is not whole", lambda: group_advantages([1, 2, 3], 2), "one for each answer, 2 (group_size) for each prompt"
    ),
    Border("tuning.group_advantages", "a row per prompt", lambda: group_advantages([[1, 2]], 2), "one for each answer, 2 (group_size) for each prompt"),
    Border("tuning.group_advantages", "no rewards", lambda: group_advantages([], 2), "one for each answer, 2 (group_size) for each prompt"),
    Border("tuning.policy_batch", "too few rewards", lambda: policy_batch(sampled(), [1, 2]), "rewards must be 4 numbers, one for each answer, but it is 2"),
    Border("tuning.policy_batch", "infinity", lambda: policy_batch(sampled(), [1, 2, 3, math.inf]), "rewards must be finite numbers, but at (3,) there is inf"),
    Border("tuning.policy_batch", "rows", lambda: policy_batch(ROWS, [1, 2]), "samples must be Samples, as sample_groups gives them"),
    Border("tuning.policy_loss", "no advantages", lambda: policy((*ROWS, LOG_P)), "a batch must be (tokens, answers, log_probabilities, advantages)"),
    Border("tuning.policy_loss", "no reference", lambda: policy((*ROWS, LOG_P, LOG_P[:, 0]), kl_weight=0.1), "log_probabilities, advantages, reference)"),
    Border("tuning.policy_loss", "an advantage per token", lambda: policy((*ROWS, LOG_P, LOG_P)), "advantages must be a tensor of floats (2)"),
    Border(
        "tuning.policy_loss",
        "summed log probabilities",
        lambda: policy((*ROWS, LOG_P[:, 0], LOG_P[:, 0])),
        "log_probabilities must be a tensor of floats (2, 4)",
    ),
    Border("tuning.policy_loss", "a range of 0", lambda: policy((*ROWS, LOG_P, LOG_P[:, 0]), clip=0), "clip must be above 0, but it is 0"),
    Border("tuning.policy_loss", "a negative weight", lambda: policy((*ROWS, LOG_P, LOG_P[:, 0]), kl_weight=-1), "kl_weight must be at least 0 and finite"),
    Border("tuning.kl_estimate", "another shape", lambda: kl_estimate(LOG_P, LOG_P[0]), "reference must be a tensor of floats (2, 4)"),
]

BORDERS = [*LORA, *ANSWERS, *PREFERENCES, *REWARDS]
NOTHING: dict[str, str] = {}
