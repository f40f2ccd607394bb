"""Borders of a training step: `losses`, `runtime`, and of `training` the configs, the optimisers and `train`."""

import math
import os

import numpy as np
import torch
from course_lib.gpt import build, preset
from course_lib.losses import mean_over, next_token_loss, text_losses, token_losses
from course_lib.runtime import expect, own_randomness, scale, seed_everything
from course_lib.training import Execution, TrainingConfig, adamw, learning_rate, muon, orthogonalise, train
from torch import nn

from borders import Border

IDS = [[1, 2, 3], [4, 5, 6]]
ROWS = torch.tensor(IDS)


def config(**changes):
    return TrainingConfig(**{"steps": 2, "learning_rate": 0.1, "evaluate_every": 1} | changes)


def gpt():
    return build(preset("tiny", vocab_size=7, context_length=3, d_model=4, n_layers=1, n_heads=1))


def frozen():
    model = nn.Linear(3, 2)
    return model.requires_grad_(False)


def squares(model, batch):
    return model(batch).square().mean()


def trained(model=None, loss=squares, batches=lambda generator: torch.ones(4, 3), settings=None, **options):
    return train(model or nn.Linear(3, 2), loss, batches, settings or config(), show=False, **options)


def with_dial(word):
    before = os.environ["COURSE_SCALE"]
    os.environ["COURSE_SCALE"] = word
    try:
        scale()
    finally:
        os.environ["COURSE_SCALE"] = before


def in_parts(batch):
    return trained(loss=lambda model, batch: squares(model, batch[0]), batches=batch, execution=Execution(accumulate=2))


def of_config(name, value, says):
    return Border("training.TrainingConfig", f"{name}={value!r}", lambda: config(**{name: value}), says)


def of_execution(name, value, says):
    return Border("training.Execution", f"{name}={value!r}", lambda: Execution(**{name: value}), says)


def of_train(mistake, says, error=ValueError, **arguments):
    return Border("training.train", mistake, lambda: trained(**arguments), says, error)


def of_expect(mistake, says, value, **bounds):
    return Border("runtime.expect", mistake, lambda: expect("loss", value, **bounds), says)


BORDERS = [
    of_config("steps", 10.0, "steps must be an integer, but it is 10.0"),
    of_config("steps", "10", "steps must be an integer, but it is '10'"),
    of_config("steps", True, "steps must be an integer, but it is True"),
    of_config("steps", math.nan, "steps must be an integer, but it is nan"),
    of_config("steps", 0, "steps must be at least 1, but it is 0"),
    of_config("learning_rate", "0.1", "learning_rate must be a number, but it is '0.1'"),
    of_config("learning_rate", math.nan, "learning_rate must be a number, but it is nan"),
    of_config("learning_rate", math.inf, "learning_rate must be finite, but it is inf"),
    of_config("learning_rate", -0.1, "learning_rate must be above 0, but it is -0.1"),
    of_config("learning_rate", [0.1], "learning_rate must be a number, but it is [0.1]"),
    of_config("warmup_steps", 0.1, "warmup_steps must be an integer, but it is 0.1"),
    of_config("warmup_steps", 3, "warmup_steps must be from 0 to 2 (steps), but it is 3"),
    of_config("schedule", "linear", "schedule must be one of cosine, constant, trapezoid, but it is 'linear'"),
    of_config("schedule", None, "schedule must be one of cosine, constant, trapezoid, but it is None"),
    of_config("decay_steps", 1.5, "decay_steps must be an integer, but it is 1.5"),
    of_config("weight_decay", "none", "weight_decay must be a number, but it is 'none'"),
    of_config("weight_decay", math.inf, "weight_decay must be at least 0 and finite, but it is inf"),
    of_config("beta2", None, "beta2 must be a number, but it is None"),
    of_config("beta2", (0.9, 0.99), "beta2 must be a number, but it is (0.9, 0.99)"),
    of_config("clip_norm", math.nan, "clip_norm must be a number, but it is nan"),
    of_config("clip_norm", None, "clip_norm must be a number, but it is None"),
    of_config("evaluate_every", 0.5, "evaluate_every must be an integer, but it is 0.5"),
    of_config("seed", 1.5, "seed must be an integer, but it is 1.5"),
    of_config("seed", None, "seed must be an integer, but it is None"),
    of_config("seed", -1, "seed must be at least 0"),
    of_execution("precision", "float16", "precision must be one of float32, bfloat16, but it is 'float16'"),
    of_execution("precision", torch.bfloat16, "precision must be one of float32, bfloat16, but it is torch.bfloat16"),
    of_execution("accumulate", 2.0, "accumulate must be an integer, but it is 2.0"),
    of_execution("accumulate", True, "accumulate must be an integer, but it is True"),
    of_execution("accumulate", 0, "accumulate must be at least 1 (part), but it is 0"),
    of_execution("compile", "no", "compile must be True or False, but it is 'no'"),
    of_execution("parallel", "ddp", "parallel must be one of replicate, shard, but it is 'ddp'"),
    of_train("a function that makes a model", "the model must be an nn.Module", model=frozen),
    of_train("a model without parameters", "requires a gradient, but it is 'Tanh with 0 parameters'", model=nn.Tanh()),
    of_train("a frozen model", "requires a gradient, but it is 'Linear with 2 parameters'", model=frozen()),
    of_train("a value as the loss", "the loss must be a function of a model and a batch", loss=torch.tensor(1.0)),
    of_train("a loss of PyTorch's", "the loss must be a function of a model and a batch", loss=nn.MSELoss()),
    of_train(
        "a loss of several numbers", "a tensor of one number, the mean over the batch, but it is a tensor of shape", loss=lambda model, batch: model(batch)
    ),
    of_train(
        "a loss that is no tensor", "a tensor of one number, the mean over the batch, but it is 0.", loss=lambda model, batch: squares(model, batch).item()
    ),
    of_train("a loss of nothing", "a tensor of one number, the mean over the batch, but it is None", loss=lambda model, batch: None),
    of_train("a loss without its gradient", "must depend on the model's parameters", loss=lambda model, batch: squares(model, batch).detach()),
    of_train("a list of batches", "batches must be a function that draws a batch", batches=[torch.ones(4, 3)]),
    of_train("a tensor as batches", "batches must be a function that draws a batch", batches=torch.ones(4, 3)),
    of_train("settings in a dict", "the config must be a TrainingConfig", settings={"steps": 2}),
    of_train("a made optimiser", "make_optimiser must be a function of a model and a config, like adamw", make_optimiser=torch.optim.SGD([torch.zeros(1)])),
    of_train("an optimiser's class", "make_optimiser must be a function of a model and a config, like adamw", make_optimiser=torch.optim.AdamW),
    of_train("a function that makes no optimiser", "make_optimiser must give an optimiser, but it is None", make_optimiser=lambda model, config: None),
    of_train("held-out text as evaluate", "evaluate must be a function of a model", evaluate=ROWS),
    of_train(
        "an evaluation of several numbers",
        "evaluate must give one number, the held-out loss, but it is a tensor of shape (2,)",
        evaluate=lambda model: torch.ones(2),
    ),
    of_train("an evaluation of nothing", "evaluate must give one number, the held-out loss, but it is None", evaluate=lambda model: None),
    of_train("an evaluation of NaN", "held-out loss after step 1 is nan", FloatingPointError, evaluate=lambda model: math.nan),
    of_train("a file as the log", "log must be a function of a History", log="log.jsonl"),
    of_train("a word as the execution", "the execution must be an Execution, but it is 'shard'", execution="shard"),
    Border("training.train", "a dict to cut", lambda: in_parts(lambda generator: {"x": torch.ones(4, 3)}), "a batch must be a tensor or a tuple of some"),
    Border(
        "training.train",
        "parts of other lengths",
        lambda: in_parts(lambda generator: (torch.ones(4, 3), torch.ones(3))),
        "the tensors of a batch must have equally many rows, but it is [3, 4]",
    ),
    Border(
        "training.train",
        "rows that do not divide",
        lambda: in_parts(lambda generator: (torch.ones(3, 3),)),
        "a batch of 3 rows cannot be cut into 1 (processes) x 2 (accumulate) parts",
    ),
    Border("training.adamw", "a frozen model", lambda: adamw(frozen(), config()), "the model must have a parameter that requires a gradient"),
    Border("training.muon", "no blocks", lambda: muon(nn.Linear(3, 2), config()), "matrices in a model's nn.ModuleLists, but here are none"),
    Border("training.muon", "a momentum of 1", lambda: muon(gpt(), config(), momentum=1.0), "momentum must be at least 0 and below 1"),
    Border("training.muon", "a ratio of 0", lambda: muon(gpt(), config(), ratio=0), "ratio must be above 0"),
    Border(
        "training.orthogonalise",
        "a vector",
        lambda: orthogonalise(torch.ones(3)),
        "must be a tensor with two axes, of floating-point numbers, but it is a tensor of shape (3,)",
    ),
    Border("training.orthogonalise", "integers", lambda: orthogonalise(ROWS), "of floating-point numbers, but it is a tensor of shape (2, 3) and dtype int64"),
    Border("training.orthogonalise", "a list", lambda: orthogonalise([[1.0]]), "must be a tensor with two axes"),
    Border("training.orthogonalise", "half a step", lambda: orthogonalise(torch.ones(2, 2), 0.5), "steps must be an integer"),
    Border("training.learning_rate", "a step after the last", lambda: learning_rate(2, config()), "step must be at least 0 and at most 1, but it is 2"),
    Border("training.learning_rate", "half a step", lambda: learning_rate(0.5, config()), "step must be an integer, but it is 0.5"),
    Border("losses.mean_over", "a number", lambda: mean_over(3), "count must be a function of a batch, but it is 3"),
    Border("losses.next_token_loss", "inputs alone", lambda: next_token_loss(gpt(), ROWS), "a batch must be a pair, inputs and targets"),
    Border(
        "losses.next_token_loss",
        "one sequence",
        lambda: next_token_loss(gpt(), (ROWS[0], ROWS[0])),
        "inputs must be rows of ids, (N, T), and not empty, but it is a tensor of shape (3,)",
    ),
    Border("losses.next_token_loss", "a list of one sequence", lambda: next_token_loss(gpt(), (IDS[0], IDS[0])), "inputs must be several sequences of ids"),
    Border(
        "losses.next_token_loss",
        "rows of other lengths",
        lambda: next_token_loss(gpt(), ([[1, 2], [3]], ROWS)),
        "inputs must be rows of ids, all of one length, but it is [1, 2]",
    ),
    Border("losses.next_token_loss", "no rows", lambda: next_token_loss(gpt(), (ROWS[:0], ROWS[:0])), "inputs must be rows of ids, (N, T), and not empty"),
    Border(
        "losses.next_token_loss",
        "fractions",
        lambda: next_token_loss(gpt(), (ROWS / 2, ROWS)),
        "inputs must be integers (ids), but it is a tensor of shape (2, 3) and dtype float32",
    ),
    Border("losses.next_token_loss", "truth values", lambda: next_token_loss(gpt(), (ROWS, ROWS > 0)), "targets must be integers (ids)"),
    Border(
        "losses.next_token_loss",
        "shapes that differ",
        lambda: next_token_loss(gpt(), (ROWS, ROWS[:, :2])),
        "targets must have the shape (2, 3), but it is (2, 2)",
    ),
    Border(
        "losses.token_losses",
        "an id too large",
        lambda: token_losses(gpt(), ROWS + 1, ROWS),
        "inputs must be ids from 0 to 6 (vocab_size - 1), but at position 5 there is 7",
    ),
    Border(
        "losses.token_losses",
        "a negative target",
        lambda: token_losses(gpt(), IDS, torch.tensor([[1, 2, 3], [4, -1, 6]])),
        "targets must be ids from 0 to 6 (vocab_size - 1), but at position 4 there is -1",
    ),
    Border("losses.token_losses", "fewer targets", lambda: token_losses(gpt(), ROWS, ROWS[:1]), "targets must be 2 rows, as inputs are, but it is 1"),
    Border("losses.token_losses", "one sequence", lambda: token_losses(gpt(), IDS[0], IDS[0]), "inputs must be several sequences of ids"),
    Border("losses.token_losses", "an empty list", lambda: token_losses(gpt(), [], []), "inputs must be rows of ids"),
    Border("losses.token_losses", "a text", lambda: token_losses(gpt(), "to be", "to be"), "inputs must be several sequences of ids"),
    Border("losses.token_losses", "no batch", lambda: token_losses(gpt(), ROWS, ROWS, 0), "batch_size must be at least 1"),
    Border("losses.text_losses", "an empty text", lambda: text_losses(gpt(), []), "must have at least 2 tokens, but it is 0"),
    Border("losses.text_losses", "rows", lambda: text_losses(gpt(), ROWS), "tokens must be one sequence of ids, but it is a tensor of shape (2, 3)"),
    Border(
        "losses.text_losses",
        "an id too large",
        lambda: text_losses(gpt(), [1, 2, 9]),
        "tokens must be ids from 0 to 6 (vocab_size - 1), but at position 2 there is 9",
    ),
    Border("losses.text_losses", "fractions", lambda: text_losses(gpt(), np.array([1.0, 2.0])), "tokens must be integers (ids)"),
    Border("losses.text_losses", "a text", lambda: text_losses(gpt(), "to be"), "tokens must be a sequence of ids"),
    Border("losses.text_losses", "half a batch", lambda: text_losses(gpt(), [1, 2], 0.5), "batch_size must be an integer"),
    Border("runtime.scale", "an unknown scale", lambda: with_dial("cluster"), "COURSE_SCALE must be 'laptop' or 'gpu', but it is 'cluster'"),
    Border("runtime.seed_everything", "a fraction", lambda: seed_everything(0.5), "seed must be an integer, but it is 0.5"),
    Border("runtime.seed_everything", "a negative seed", lambda: seed_everything(-1), "seed must be at least 0"),
    Border("runtime.seed_everything", "a time", lambda: seed_everything(2**32), "seed must be at least 0 and at most 4294967295"),
    Border("runtime.own_randomness", "a fraction", lambda: own_randomness(0.5).__enter__(), "seed must be an integer, but it is 0.5"),
    of_expect("no bound", "needs equals=, at_least= or at_most=", 1.0),
    of_expect("both kinds of bound", "takes equals= or bounds, not both", 1.0, equals=1.0, at_most=2),
    of_expect("a word with a bound", "'loss' must be a number to have a bound, but it is '1.5'", "1.5", at_most=2),
    of_expect("nothing", "'loss' must be a number to have a bound, but it is None", None, at_most=2),
    of_expect("a comparison", "'loss' must be a number to have a bound, but it is True", True, at_most=2),
    of_expect("several numbers", "'loss' must be a number to have a bound, but it is a tensor of shape (2,)", torch.ones(2), at_most=2),
    of_expect("a bound of NaN", "the bound of 'loss' must be a number, but it is nan", 1.0, at_least=math.nan),
    of_expect("a bound in words", "the bound of 'loss' must be a number, but it is '2'", 1.0, at_most="2"),
    of_expect("arrays that are equal", "compares one value with equals=", np.ones(2), equals=np.ones(2)),
]
NOTHING = {
    "runtime.device": "it takes nothing; COURSE_SCALE is read by runtime.scale",
    "runtime.devices_of": "of a model, for the training loop",
    "runtime.evaluating": "it takes anything, and puts models into evaluation mode",
    "runtime.random_state": "of a device, for the training loop",
    "runtime.set_random_state": "of a device, for the training loop",
}
