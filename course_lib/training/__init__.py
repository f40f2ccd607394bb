"""Training: a loop that can be read in one sitting, and what it needs.

`train` runs it, `TrainingConfig` says how; `random_windows` and `random_rows` draw batches; `save_weights`,
`load_weights` and `read_about` keep what was learned.
"""

from course_lib.training.batches import random_rows, random_windows, windows
from course_lib.training.checkpoints import load_weights, read_about, save_weights
from course_lib.training.config import TrainingConfig
from course_lib.training.display import learning_curves
from course_lib.training.history import History
from course_lib.training.loop import train
from course_lib.training.schedules import adamw, clip_gradient, learning_rate

__all__ = [
    "History",
    "TrainingConfig",
    "adamw",
    "clip_gradient",
    "learning_curves",
    "learning_rate",
    "load_weights",
    "random_rows",
    "random_windows",
    "read_about",
    "save_weights",
    "train",
    "windows",
]
