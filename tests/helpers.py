"""What several test files share: numbers, weights that count, and a network that is trained in a moment."""

import json
import os
import signal
import statistics
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from course_lib import PROJECT
from course_lib.training import TrainingConfig, random_rows, train

TEXT = torch.randint(11, (400,), generator=torch.Generator().manual_seed(1))
X = torch.randn(61, 5, generator=torch.Generator().manual_seed(1))
Y = (X[:, 0] * X[:, 1] > 0).long()
DRAW = random_rows(X, Y, batch_size=7)


def numbers(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed + sum(shape)))


def enlarge(model):
    """Weights so large that every token counts, gains and biases away from 1 and 0, where one is not noticed."""
    for parameter in model.parameters():
        nn.init.normal_(parameter, mean=0.3 if parameter.ndim == 1 else 0, std=0.3)
    return model


def json_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def environment(requirements):
    """The Python of an environment with the course's packages, and with those that a file pins in front of them.

    It is kept beside the course's own packages, and is made only where COURSE_TOOLS is "required", as in the check of a
    commit. Elsewhere, its tests are skipped.
    """
    name = requirements.parent.name
    if os.environ.get("COURSE_TOOLS") != "required":
        pytest.skip(f"COURSE_TOOLS=required installs {name} in an environment of its own, and runs this")
    folder = Path(sys.prefix, "tools", name)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    lent = f"{sysconfig.get_path('purelib')}\n{PROJECT}\n"  # an installation that can be edited is found only there
    stamp, wanted = folder / "installed", f"{sys.version}\n{lent}{requirements.read_text(encoding='utf-8')}"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    venv.create(folder, clear=True, symlinks=os.name != "nt")
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    Path(site, "course.pth").write_text(lent, encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run([*pip, "-r", requirements], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    stamp.write_text(wanted, encoding="utf-8")
    return python


def duration(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def spread(values, digits):
    """The median and the range."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def network(dropout=0.5):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 11), nn.Tanh(), nn.Dropout(dropout), nn.Linear(11, 2))


def cross_entropy(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def on_all(model):
    return cross_entropy(model, (X, Y))


def config(**changes):
    return TrainingConfig(**{"steps": 20, "learning_rate": 0.01, "evaluate_every": 6, "seed": 3, **changes})


def run(model=None, loss=cross_entropy, batches=DRAW, show=False, **options):
    """Train the network; `options` are those of `train`, and changes of its config."""
    changes = {key: options.pop(key) for key in list(options) if key in TrainingConfig.__dataclass_fields__}
    return train(model or network(), loss, batches, config(**changes), show=show, **options)


def press_stop_at(step):
    """Batches; while the one of a step is drawn, the stop button is pressed."""

    def batches(generator):
        batches.calls += 1
        if batches.calls == step:
            signal.raise_signal(signal.SIGINT)
        return DRAW(generator)

    batches.calls = 0
    return batches
