"""Training: a loop that can be read in one sitting, and what it needs.

`train` runs it, `TrainingConfig` says how; `random_windows` and `random_rows` draw batches; `save_weights`,
`load_weights` and `read_about` keep what was learned. For larger runs: `Execution`, `muon`, `TokenFile`, `RunLog`, and
the command `python -m course_lib.training --help`.
"""

from course_lib.training.batches import random_rows, random_windows, windows
from course_lib.training.checkpoints import load_weights, read_about, save_weights
from course_lib.training.config import Execution, TrainingConfig
from course_lib.training.display import learning_curves
from course_lib.training.history import History
from course_lib.training.logs import RunLog, flops_per_token
from course_lib.training.loop import train
from course_lib.training.muon import muon, orthogonalise
from course_lib.training.schedules import adamw, clip_gradient, learning_rate
from course_lib.training.token_files import TokenFile, write_tokens

__all__ = [
    "Execution",
    "History",
    "RunLog",
    "TokenFile",
    "TrainingConfig",
    "adamw",
    "clip_gradient",
    "flops_per_token",
    "learning_curves",
    "learning_rate",
    "load_weights",
    "muon",
    "orthogonalise",
    "random_rows",
    "random_windows",
    "read_about",
    "save_weights",
    "train",
    "windows",
    "write_tokens",
]
