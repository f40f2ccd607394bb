"""Multiple choice with a shared prompt that is read once, beside Transformers reading each choice apart."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
import transformers
from bench_pretrained import _theirs

from course_lib import data
from course_lib.evaluation import choice_log_probabilities, lettered_prompt, plain_prompt
from course_lib.pretrained import load_smollm2
from course_lib.tokenizers import Tokenizer

SETS = {"commonsense_qa": "validation", "openbook_qa": "validation", "boolq": "validation"}
COUNT = 12  # questions of each set


def choosing() -> Iterator[tuple[str, Callable, Callable]]:
    """SmolLM2 on whole answers of questions of three sets, and on letters; the peer has the options one by one.

    The log probabilities must be equal to 1e-3, which is checked first.
    """
    (ours, tokenizer), (theirs, _) = load_smollm2(), _theirs()
    for name, split in SETS.items():
        questions = data.question_set(name)[split][:COUNT]
        work = {
            name: (
                [plain_prompt(one) for one in questions],
                [[f" {text}" for text in one.choices] for one in questions],
            )
        }
        if name == "commonsense_qa":
            letters = [[f" {letter}" for letter in "ABCDE"]] * COUNT
            work["its letters"] = ([lettered_prompt(one) for one in questions], letters)
        for what, (prompts, choices) in work.items():
            of_ours = partial(choice_log_probabilities, ours, tokenizer, prompts, choices)
            of_theirs = partial(_apart, theirs, tokenizer, prompts, choices)
            np.testing.assert_allclose(np.concatenate(of_ours()), np.concatenate(of_theirs()), atol=1e-3)
            yield f"{COUNT} of {what}", of_ours, of_theirs


@torch.inference_mode()
def _apart(
    model: transformers.PreTrainedModel, tokenizer: Tokenizer, prompts: list[str], choices: list[list[str]]
) -> list[list[float]]:
    found = []
    for prompt, some in zip(prompts, choices, strict=True):
        found.append([])
        for choice in some:
            whole, start = tokenizer.encode(prompt + choice), len(tokenizer.encode(prompt))
            kept = len(whole) - start + 1
            logits = model(torch.tensor([whole]), logits_to_keep=kept).logits[0, :-1]
            targets = torch.tensor(whole[start:])
            found[-1].append(logits.log_softmax(dim=-1).gather(1, targets[:, None]).sum().item())
    return found


choosing.rounds = 3
