"""Adapters with which SmolLM2 writes 1623's lines in modern spelling.

`python -m experiments.checkpoints.smollm2_speller` writes data/checkpoints/smollm2_speller.safetensors, in about a
quarter of an hour of one core. Stopped, it leaves the file as it was and begins anew when it is called again.
"""

import sys
from pathlib import Path

from course_lib import PROJECT
from course_lib.lora import save_lora
from experiments.shared import finish, raising_at_the_stop
from experiments.speller import tuned

__all__ = ["FILE", "make"]

FILE = PROJECT / "data" / "checkpoints" / "smollm2_speller.safetensors"


def make() -> Path:
    """Tune, say how long it took, and store the adapters alone."""
    with raising_at_the_stop():
        writer, minutes = tuned("LoRA")
    print(f"{minutes:.1f} minutes of processor time")
    save_lora(FILE, writer)
    return FILE


if __name__ == "__main__":
    sys.exit(finish(make, again="begins anew"))
