"""A Transformer trained at length on the Folio pairs: `python -m experiments.checkpoints.folio_transformer`.

It writes data/checkpoints/folio_transformer.safetensors, in about forty minutes on one core. Stopped, it goes on from
where it was when it is called again.
"""

import sys
from pathlib import Path

from course_lib.model_files import save_model
from course_lib.training import TrainingConfig
from course_lib.transformer import Transformer, TransformerConfig
from course_lib.translation import CHECKPOINT, pair_batches, translation_loss
from experiments.folio import held_out_loss, pairs, scores, tokenizer
from experiments.shared import finish, seeded, train_whole

__all__ = ["make"]

MODEL = TransformerConfig(
    vocab_size=2000,
    d_model=160,
    n_heads=5,
    d_ff=640,
    n_encoder_layers=3,
    n_decoder_layers=2,
    dropout=0.1,
    positions="rotary",
)
RUN = TrainingConfig(steps=12_000, learning_rate=0.002, warmup_steps=500, beta2=0.98, evaluate_every=1_000)
TRAINED_ON = "First Folio lines and their modern spelling, the 29 training plays of data.folio_pairs()"


def make() -> Path:
    """Train, store the last weights, and print the scores on the validation and the test plays."""
    partial = CHECKPOINT.with_suffix(".run")
    model = seeded(RUN.seed, lambda: Transformer(MODEL))
    batches = pair_batches(pairs("train", MODEL.vocab_size), batch_tokens=1536)
    train_whole(model, translation_loss(), batches, RUN, evaluate=held_out_loss, checkpoint=partial, show=True)
    save_model(CHECKPOINT, model, tokenizer(MODEL.vocab_size), TRAINED_ON, half=True)
    for split in ("validation", "test"):
        for n_beams in (1, 4):
            print(split, n_beams, "beams", scores(model, split, n_beams=n_beams), flush=True)
    partial.unlink()
    return CHECKPOINT


if __name__ == "__main__":
    sys.exit(finish(make))
