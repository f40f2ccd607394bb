"""A run as it goes: a live picture with a bar in a notebook, a plain line an evaluation in a terminal."""

import base64
import io
import math
import sys
import time
from collections.abc import Callable

import numpy as np

from course_lib.training.config import TrainingConfig
from course_lib.training.distributed import rank
from course_lib.training.history import History

__all__ = ["learning_curves", "reporter", "say"]

SHARE = 0.05  # of the time that drawing may take
POINTS = 100  # of the curve of training: each is the mean of equally many steps


def reporter(
    config: TrainingConfig, show: bool, log: Callable[[History], None] | None = None
) -> Callable[[History, bool], None]:
    """What shows a run: report(history, final). In a notebook it leaves one picture, the same text beside it always.

    `log` gets every step. Of many processes the first alone shows; all log.
    """
    show = show and rank() == 0
    if not (show or log):
        return lambda history, final: None
    if not show:
        return lambda history, final: None if final else log(history)
    shown = _NotebookReport(config) if _in_notebook() else _TerminalReport(config)
    if log is None:
        return shown

    def both(history: History, final: bool) -> None:
        shown(history, final)
        if not final:
            log(history)

    return both


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")  # which a kernel has imported; elsewhere nobody waits for it
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def say(text: str, end: str = "\n") -> None:
    """Print at once, with question marks for what the console cannot show."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, errors="replace").decode(encoding), end=end, flush=True)


class _TerminalReport:
    def __init__(self, config: TrainingConfig) -> None:
        self.config, self.said = config, 0

    def __call__(self, history: History, final: bool) -> None:
        done = len(history.losses)
        if done == self.said or not (final or done % self.config.evaluate_every == 0):
            return
        line = f"step {done:,} of {self.config.steps:,} · training {np.mean(history.losses[self.said :]):.4f}"
        if done in history.evaluations:
            line += f" · held-out {history.evaluations[done]:.4f}"
        say(line)
        self.said = done


class _NotebookReport:
    def __init__(self, config: TrainingConfig) -> None:
        from IPython.display import display

        self.config, self.start, self.picture, self.cost = config, time.monotonic(), "", math.inf
        self.shown_at = self.drawn_at = self.start
        self.handle = display({"text/plain": _alternative(config)}, raw=True, display_id=True)

    def __call__(self, history: History, final: bool) -> None:
        now, done, text = time.monotonic(), len(history.losses), _alternative(self.config)
        if done and final:
            if done < self.config.steps:
                text += f", stopped after step {done:,}"
            self.handle.update({"image/png": _png(history), "text/plain": text}, raw=True)
        elif done and now - self.shown_at >= 1:
            if not self.picture or now - self.drawn_at >= self.cost / SHARE:
                self.picture, self.drawn_at = _png(history), time.monotonic()
                self.cost = min(self.cost, self.drawn_at - now)  # the first picture takes longer than all others
            left = (now - self.start) / done * (self.config.steps - done)
            bar = f'<progress value="{done}" max="{self.config.steps}" style="width: 30em"></progress>'
            line = f"step {done:,} of {self.config.steps:,}, about {left:.0f} s left"
            image = f'<img alt="{text}" src="data:image/png;base64,{self.picture}">'
            self.handle.update({"text/html": f"{bar} {line}<br>{image}", "text/plain": text}, raw=True)
            self.shown_at = time.monotonic()


def _alternative(config: TrainingConfig) -> str:
    return f"learning curves: training and held-out loss (nats) over {config.steps:,} steps"


def _png(history: History) -> str:
    from matplotlib import pyplot

    figure, picture = learning_curves(history).figure, io.BytesIO()
    figure.savefig(picture, format="png", dpi=90, metadata={"Software": None})  # no version: it would differ
    pyplot.close(figure)
    return base64.b64encode(picture.getvalue()).decode()


def learning_curves(
    history: History, *, title: str = "Learning curves", ax: "matplotlib.axes.Axes | None" = None
) -> "matplotlib.axes.Axes":
    """The losses of a run over its steps: training (means of equally many steps) and held-out."""
    from course_lib import plotting  # here, as training and loading weights need no Matplotlib

    parts = np.array_split(np.array(history.losses), min(POINTS, len(history.losses)))
    ends = np.cumsum([len(part) for part in parts])
    lines = {"training": (ends, [part.mean() for part in parts])}
    if history.evaluations:
        lines["held-out"] = (list(history.evaluations), list(history.evaluations.values()))
    return plotting.curves(lines, title=title, xlabel="step", ylabel="loss (nats)", ax=ax)
