"""Drawings of learning from judgements: a pair under DPO, and a group of answers with its rewards."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from classroom.diagrams.diagram import Diagram
from classroom.diagrams.parts import grid, legend

__all__ = ["dpo_pair", "group", "policy_loop"]


def _minus(text: str) -> str:
    return text.replace("-", "−")


def dpo_pair(answers: Sequence[str], log_p: ArrayLike, reference: ArrayLike, beta: float) -> Diagram:
    """One pair under DPO: the preferred answer above, ln p of each under the model and under the reference."""
    log_p, reference = np.asarray(log_p, dtype=float), np.asarray(reference, dtype=float)
    scores = beta * (log_p - reference)
    difference = float(scores[0] - scores[1])
    loss = float(np.log1p(np.exp(-difference)))
    told = "; ".join(
        f"{answer}: ln p is {now:.1f} under the model, {before:.1f} under the reference, the score is {score:.2f}"
        for answer, now, before, score in zip(answers, log_p, reference, scores, strict=True)
    )
    alt = f"""A pair of answers, the preferred one first. {told}. The difference of the scores, {difference:.2f}, gives
        the loss, {loss:.2f}."""
    d = Diagram(900, 268, alt)
    d.title("DPO: two answers, two models, one loss")
    end = d.op(690, 130, "−")
    for n, (y, name) in enumerate(((86, "preferred"), (174, "rejected"))):
        answer = d.box(140, y, 230, 38, answers[n], "token", 12)
        d.label(30, y - 30, name, 12, "faint", align="start")
        values = [f"model {log_p[n]:.1f}", f"reference {reference[n]:.1f}"]
        model = d.box(345, y - 14, 128, 25, _minus(values[0]), "weight", 12)
        fixed = d.box(345, y + 14, 128, 25, _minus(values[1]), "plain", 12)
        d.arrow(answer.right, model.left, bend="-|-")
        d.arrow(answer.right, fixed.left, bend="-|-")
        score = d.box(560, y, 100, 34, _minus(f"{scores[n]:.2f}"), "score", 14)
        d.arrow(model.right, score.left, bend="-|-")
        d.arrow(fixed.right, score.left, bend="-|-")
        d.arrow(score.right, end.top if n == 0 else end.bottom, bend="-|")
    d.label(345, 50, "ln p of the answer", 12, "faint")
    d.label(560, 50, f"{beta:g} · difference", 12, "faint")
    total = d.box(795, 130, 120, 40, f"loss {loss:.2f}", "loss", 14)
    d.flow(end, total)
    d.label(795, 170, _minus(f"-ln σ({difference:.2f})"), 12, "faint")
    legend(d, 40, 244, token="answers", weight="is trained", score="scores", loss="to be minimised")
    return d


def group(problem: str, answers: Sequence[str], rewards: ArrayLike, advantages: ArrayLike) -> Diagram:
    """A group of answers to one problem, the reward and the advantage of each."""
    rewards, advantages = np.asarray(rewards, dtype=float), np.asarray(advantages, dtype=float)
    told = "; ".join(
        f"{answer}: reward {reward:g}, advantage {advantage:.2f}"
        for answer, reward, advantage in zip(answers, rewards, advantages, strict=True)
    )
    alt = f"""The problem {problem} goes to the model, which samples {len(answers)} answers. {told}. An advantage is the
        reward minus the mean of the group, divided by the standard deviation of the group."""
    height = 30 * len(answers)
    d = Diagram(900, 150 + height, alt)
    d.title("A group is its own baseline")
    middle = 74 + height / 2
    asked = d.box(110, middle, 150, 40, problem, "token", 13)
    model = d.box(270, middle, 90, 40, "model", "weight", 14)
    d.flow(asked, model)
    for n, answer in enumerate(answers):
        box = d.box(450, 89 + 30 * n, 150, 24, answer, "token", 12)
        d.arrow(model.right, box.left, bend="-|-")
    d.label(450, 62, "sampled answers", 12, "faint")
    column = grid(d, 610, middle, rewards[:, None], "score", cell=(70, 30))
    d.label(610, 62, "rewards", 12, "faint")
    d.label(610, 86 + height, _minus(f"mean {rewards.mean():.2f}"), 12, "faint")
    last = grid(d, 790, middle, advantages[:, None], "state", cell=(90, 30))
    d.label(790, 62, "advantages", 12, "faint")
    d.label(790, 86 + height, "mean 0", 12, "faint")
    d.flow(column, last)
    legend(
        d, 40, d.height - 22, token="digits", weight="learned", score="from the verifier", state="what each token gets"
    )
    return d


def policy_loop(prompts: int, group_size: int, tokens: int, kept: int) -> Diagram:
    """One step of GRPO, with its sizes: sampled, verified, compared within groups, one update."""
    count = prompts * group_size
    alt = f"""One step: {prompts} new problems go to the model, which samples {group_size} answers to each, {count} in
        all, of up to {tokens} tokens. The verifier gives each a reward; within its group the reward becomes an
        advantage. {kept} answers are in groups whose rewards differ. The loss on their tokens changes the model, which
        samples the next answers."""
    d = Diagram(900, 200, alt)
    d.title("One step: sample, verify, compare, update")
    looks = [
        (82, 120, f"{prompts} problems", "token"),
        (232, 100, "model", "weight"),
        (392, 130, f"{count} answers", "token"),
        (550, 110, "rewards", "score"),
        (700, 112, "advantages", "state"),
        (836, 84, "loss", "loss"),
    ]
    boxes = [d.box(x, 96, w, 42, text, role, 13) for x, w, text, role in looks]
    d.flow(*boxes)
    d.label(392, 132, f"{group_size} to each", 12, "faint")
    d.label(550, 132, "verifier", 12, "faint")
    d.label(700, 132, "own group", 12, "faint")
    loss, model = boxes[-1], boxes[1]
    d.arrow(loss.bottom, (loss.x, 166), (model.x, 166), model.bottom)
    d.label(500, 182, f"one update from the tokens of {kept} answers", 12, "faint")
    return d
