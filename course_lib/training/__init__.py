"""Training: a loop that can be read in one sitting, and what it needs.

`train` runs it, `TrainingConfig` says how; `random_windows` and `random_rows` draw batches; `save_weights`,
`load_weights` and `read_about` keep what was learned. For larger runs: `Execution`, `muon`, `TokenFile`, `RunLog`, and
the command `python -m course_lib.training --help`.
"""

from course_lib.training.batches import TokenFile, random_rows, random_windows, windows, write_tokens
from course_lib.training.checkpoints import load_weights, read_about, save_weights
from course_lib.training.config import Execution, TrainingConfig
from course_lib.training.display import learning_curves
from course_lib.training.history import History, RunLog, flops_per_token
from course_lib.training.loop import train
from course_lib.training.optimisers import adamw, learning_rate, muon, orthogonalise

__all__ = [
    "Execution",
    "History",
    "RunLog",
    "TokenFile",
    "TrainingConfig",
    "adamw",
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
