"""A GPT trained at length on the training plays: `python -m experiments.checkpoints.shakespeare_gpt`.

It writes data/checkpoints/shakespeare_gpt.safetensors, in about half an hour on one core. Stopped, it goes on from
where it was when it is called again.
"""

import sys
from pathlib import Path

import torch
from torch import nn

from course_lib.gpt import ModernGPTConfig, build
from course_lib.losses import next_token_loss, token_losses
from course_lib.model_files import save_model
from course_lib.pretrained.shakespeare import SHAKESPEARE_GPT
from course_lib.training import TrainingConfig, muon, random_windows, windows
from experiments.shared import bits, finish, train_whole
from experiments.tables.gpt_shakespeare import TOKENS, ids, lengths, losses, tokenizer

__all__ = ["make"]

MODEL = ModernGPTConfig(
    vocab_size=TOKENS, context_length=128, d_model=160, n_layers=4, n_heads=5, n_kv_heads=5, d_ff=432
)
# Of the learning rates 0.003, 0.006 and 0.012, tried for 250 steps, the higher ones were the better; a long run wants
# less than a short one.
RUN = TrainingConfig(
    steps=6_000, learning_rate=0.006, warmup_steps=100, weight_decay=0.1, beta2=0.99, evaluate_every=500
)
BATCH_SIZE = 12  # windows
TRAINED_ON = "36 works of Shakespeare, data.shakespeare('train')"


def held_out(model: nn.Module) -> float:
    """The loss on the first 40,000 tokens of the validation plays, in nats a token."""
    inputs, targets = windows(ids(TOKENS, "validation")[:40_000], MODEL.context_length)
    return token_losses(model, inputs, targets).mean().item()


def make() -> Path:
    """Train, store the last weights, and print the bits a character of the validation and the test plays."""
    partial = SHAKESPEARE_GPT.with_suffix(".run")
    torch.manual_seed(RUN.seed)
    model = build(MODEL)
    batches = random_windows(ids(TOKENS, "train"), batch_size=BATCH_SIZE, context_length=MODEL.context_length)
    history = train_whole(
        model, next_token_loss, batches, RUN, evaluate=held_out, make_optimiser=muon, checkpoint=partial, show=True
    )
    minutes = sum(history.seconds) / 60  # of all its steps, those before a stop too
    about = {"trained on": TRAINED_ON, "steps": RUN.steps, "batch size": BATCH_SIZE, "minutes": round(minutes, 1)}
    save_model(SHAKESPEARE_GPT, model, tokenizer(), about, half=True)
    for split in ("validation", "test"):
        print(split, bits(losses(model, split), lengths(TOKENS, split)), flush=True)
    partial.unlink()
    return SHAKESPEARE_GPT


if __name__ == "__main__":
    sys.exit(finish(make))
