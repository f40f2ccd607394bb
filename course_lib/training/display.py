"""A run as it goes: a live picture with a bar in a notebook, a plain line an evaluation in a terminal."""

import base64
import io
import math
import sys
import time
from collections.abc import Callable

import numpy as np

from course_lib.console import say
from course_lib.training.config import TrainingConfig
from course_lib.training.distributed import rank
from course_lib.training.history import History
from course_lib.validation import require

__all__ = ["learning_curves", "reporter"]

SHARE = 0.05  # of the time that drawing may take
POINTS = 100  # of the curve of training: each is the mean of equally many steps


def reporter(
    config: TrainingConfig, history: History, show: bool, log: Callable[[History], None] | None = None
) -> Callable[[History, bool], None]:
    """What shows a run that goes on from a history: report(history, final). In a notebook it leaves one picture.

    `log` gets every step. Of many processes the first alone shows; all log.
    """
    show = show and rank() == 0
    if not (show or log):
        return lambda history, final: None
    if not show:
        return lambda history, final: None if final else log(history)
    shown = (_NotebookReport if _in_notebook() else _TerminalReport)(config, len(history.losses))
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


def _how_it_ended(config: TrainingConfig, history: History, begun: int) -> str:
    """A sentence about a run that was not trained to its last step here, and about what the model is then."""
    done = len(history.losses)
    if done == config.steps:
        return f"finished before, at step {done:,}: read from its checkpoint, not trained" if begun == done else ""
    if not done:
        return "stopped before the end of its first step: the model has its initial weights"
    sentence = f"stopped after step {done:,} of {config.steps:,}: the model is half-trained, with that step's weights"
    if not history.evaluations:
        return sentence
    return f"{sentence} (those of step {history.best_step:,}, the best so far, are in history.best_weights)"


class _TerminalReport:
    def __init__(self, config: TrainingConfig, begun: int) -> None:
        self.config, self.begun, self.said = config, begun, begun

    def __call__(self, history: History, final: bool) -> None:
        done, every = len(history.losses), self.config.evaluate_every
        if done > self.said and (final or self.config.is_due(done)):
            mean = np.mean(history.losses[(done - 1) // every * every :])  # of the steps since an evaluation was due
            line = f"step {done:,} of {self.config.steps:,} · training {mean:.4f}"
            if done in history.evaluations:
                line += f" · held-out {history.evaluations[done]:.4f}"
            say(line)
            self.said = done
        if final and (sentence := _how_it_ended(self.config, history, self.begun)):
            say(sentence)


class _NotebookReport:
    def __init__(self, config: TrainingConfig, begun: int) -> None:
        from IPython.display import display

        self.config, self.begun, self.start = config, begun, time.monotonic()
        self.picture, self.cost, self.shown_at, self.drawn_at = "", math.inf, self.start, self.start
        self.handle = display({"text/plain": _alternative(config)}, raw=True, display_id=True)

    def __call__(self, history: History, final: bool) -> None:
        now, done = time.monotonic(), len(history.losses)
        if final:
            self._leave(history)
        elif done and now - self.shown_at >= 1:
            if not self.picture or now - self.drawn_at >= self.cost / SHARE:
                self.picture, self.drawn_at = _png(history), time.monotonic()
                self.cost = min(self.cost, self.drawn_at - now)  # the first picture takes longer than all others
            left = (now - self.start) / (done - self.begun) * (self.config.steps - done)
            bar = f'<progress value="{done}" max="{self.config.steps}" style="width: 30em"></progress>'
            line = f"step {done:,} of {self.config.steps:,}, about {left:.0f} s left"
            text = _alternative(self.config)
            self.handle.update({"text/html": self._html(f"{bar} {line}"), "text/plain": text}, raw=True)
            self.shown_at = time.monotonic()

    def _leave(self, history: History) -> None:
        """The last picture; under a run that was not trained to its end, a sentence that nobody overlooks."""
        text, sentence = _alternative(self.config), _how_it_ended(self.config, history, self.begun)
        bundle = {"text/plain": f"{text}, {sentence}" if sentence else text}
        if history.losses:
            self.picture = bundle["image/png"] = _png(history)
        if sentence:
            bundle["text/html"] = self._html(f"<strong>{sentence[0].upper()}{sentence[1:]}.</strong>")
        self.handle.update(bundle, raw=True)

    def _html(self, line: str) -> str:
        image = f'<br><img alt="{_alternative(self.config)}" src="data:image/png;base64,{self.picture}">'
        return line + (image if self.picture else "")


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
    """The losses of a run over its steps: training (means of equally many steps) and held-out.

    Raises ValueError for anything but a history of at least one step.
    """
    from course_lib import plotting  # here, as training and loading weights need no Matplotlib

    trained = isinstance(history, History) and history.losses
    require(trained, "history must be what train returns, after at least one step", history)
    parts = np.array_split(np.array(history.losses), min(POINTS, len(history.losses)))
    ends = np.cumsum([len(part) for part in parts])
    lines = {"training": (ends, [part.mean() for part in parts])}
    if history.evaluations:
        lines["held-out"] = (list(history.evaluations), list(history.evaluations.values()))
    return plotting.curves(lines, title=title, xlabel="step", ylabel="loss (nats)", ax=ax)
