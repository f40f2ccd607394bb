"""What a run of 16 times the compute of any in `scaling_laws` will reach, written down before that run was made.

The law is L = E + A / N^alpha + B / D^beta. With all five numbers fitted (Hoffmann et al., 2022, approach 3: Huber's
loss of the logarithms), it forecasts the larger stored runs too high from the smaller ones. With the exponents that
Hoffmann et al. published, 0.34 and 0.28, and three numbers fitted, it errs less: `backtest`. That is the forecast; its
interval covers resampled runs, the residual of a run, and exponents from 0.2 to 0.5. Its rivals: the five fitted
numbers, a straight line through the logarithms of compute and of the best loss up to it, and the lowest loss so far.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize, nnls
from scipy.special import logsumexp

from course_lib import files
from course_lib.metrics import Interval
from experiments.scaling import parameters
from experiments.shared import rounded

__all__ = ["LARGE", "PUBLISHED", "backtest", "fit", "fit_with", "law", "row", "rows", "runs"]

LARGE = {"d_model": 128, "characters": 2_816_000}
STEP = 1e-3  # where Huber's loss of a residual of the logarithm turns from a square into a line
RESAMPLES = 200
PUBLISHED, BETWEEN = (0.34, 0.28), (0.2, 0.5)  # exponents: Hoffmann et al. (2022), equation 10; what may be

Runs = np.ndarray  # a row per run: parameters, characters, loss


def runs() -> Runs:
    """The stored runs that the law is fitted to, without the short ones and those at other learning rates."""
    rows = [one for one in files.load_results("scaling_laws")["rows"] if one["part"] == "grid"]
    return np.array([[one["parameters"], one["characters"], one["loss"][0]] for one in rows])


def _terms(theta: np.ndarray, N: np.ndarray, D: np.ndarray) -> np.ndarray:
    """The logarithms of the law's three terms, for theta = log E, log A, alpha, log B, beta."""
    e, a, alpha, b, beta = theta
    return np.stack([np.full(len(N), e), a - alpha * np.log(N), b - beta * np.log(D)])


def law(theta: np.ndarray, N: np.ndarray, D: np.ndarray) -> np.ndarray:
    """The loss that the law gives for N parameters and D characters."""
    return np.exp(logsumexp(_terms(theta, N, D), axis=0))


def _objective(theta: np.ndarray, N: np.ndarray, D: np.ndarray, L: np.ndarray) -> tuple[float, np.ndarray]:
    """The sum of Huber's losses, in units of STEP, and its gradient."""
    terms = _terms(theta, N, D)
    total = logsumexp(terms, axis=0)
    residuals = (total - np.log(L)) / STEP
    losses = np.where(abs(residuals) < 1, residuals**2 / 2, abs(residuals) - 0.5)
    shares = np.exp(terms - total)
    inner = np.stack([shares[0], shares[1], -np.log(N) * shares[1], shares[2], -np.log(D) * shares[2]])
    return float(losses.sum()), inner @ np.clip(residuals, -1, 1) / STEP


def fit(data: Runs, starts: list[np.ndarray] | None = None) -> np.ndarray:
    """The law's five numbers, log E, log A, alpha, log B and beta: the best of the fits from several starts."""
    N, D, L = data.T
    if starts is None:
        starts = []
        for E in (0.5, 1.0, 1.3):
            for alpha in (0.2, 0.5, 0.8):
                for beta in (0.2, 0.5, 0.8):
                    a, b = np.log(0.4) + alpha * np.log(3e4), np.log(0.4) + beta * np.log(1e6)
                    starts.append(np.array([np.log(E), a, alpha, b, beta]))
    bounds = [(np.log(0.05), None), (None, None), (0.02, 2), (None, None), (0.02, 2)]
    found = [minimize(_objective, start, (N, D, L), "L-BFGS-B", jac=True, bounds=bounds) for start in starts]
    return min(found, key=lambda one: one.fun).x


def fit_with(data: Runs, alpha: float, beta: float) -> np.ndarray:
    """The same five numbers for given exponents: E, A and B have the least squares of the relative residuals."""
    N, D, L = data.T
    terms = np.stack([np.ones(len(N)), N**-alpha, D**-beta], axis=1) / L[:, None]
    E, A, B = np.log(np.maximum(nnls(terms, np.ones(len(N)))[0], 1e-9))
    return np.array([E, A, alpha, B, beta])


def by_published(data: Runs, size: float, characters: float, exponents: Sequence[float] = PUBLISHED) -> float:
    """The loss that the law with given exponents gives for a size and an amount."""
    return float(law(fit_with(data, *exponents), np.array([size]), np.array([characters]))[0])


def by_law(data: Runs, size: float, characters: float, starts: list[np.ndarray] | None = None) -> float:
    """The loss that the law, fitted to these runs, gives for a size and an amount."""
    return float(law(fit(data, starts), np.array([size]), np.array([characters]))[0])


def best_so_far(data: Runs) -> Runs:
    """The runs whose loss none of less compute reaches, from the least compute to the most."""
    kept: list[np.ndarray] = []
    for one in data[np.argsort(data[:, 0] * data[:, 1], kind="stable")]:
        if not kept or one[2] < kept[-1][2]:
            kept.append(one)
    return np.array(kept)


def by_line(data: Runs, size: float, characters: float) -> float:
    """A straight line through the logarithms of compute and of the best loss up to it, carried on."""
    N, D, L = best_so_far(data).T
    slope, start = np.polyfit(np.log(N * D), np.log(L), 1)
    return float(np.exp(start + slope * np.log(size * characters)))


def by_last(data: Runs, size: float, characters: float) -> float:
    """The lowest loss so far, whatever the size and the amount."""
    return float(data[:, 2].min())


FORECASTERS: dict[str, Callable[[Runs, float, float], float]] = {
    "published exponents": by_published,
    "five fitted numbers": by_law,
    "straight line": by_line,
    "last point": by_last,
}


def backtest(forecaster: str, most: float) -> float:
    """The mean error for the runs of more compute than `most` (N D), forecast from the others."""
    data = runs()
    known = data[:, 0] * data[:, 1] <= most
    said = [FORECASTERS[forecaster](data[known], size, characters) for size, characters, _ in data[~known]]
    return float(np.mean(said - data[~known, 2]))


def rate() -> float:
    """The learning rate for the large run: a power law through the best rates of the sizes, carried on."""
    grid = [one for one in files.load_results("scaling_laws")["rows"] if one["part"] == "grid"]
    best = {one["parameters"]: one["learning rate"] for one in grid}
    slope, start = np.polyfit(np.log(list(best)), np.log(list(best.values())), 1)
    return float(f"{np.exp(start + slope * np.log(parameters(LARGE['d_model']))):.2g}")


def interval(forecaster: str) -> list[float]:
    """A forecast with the middle 95% of what it is on resampled runs, each moved by the residual of one of them."""
    data, at = runs(), (float(parameters(LARGE["d_model"])), float(LARGE["characters"]))
    value = FORECASTERS[forecaster](data, *at)
    if forecaster == "last point":
        return rounded(Interval(value, value, value))
    dice, found, near = np.random.default_rng(0), [], [fit(data)]
    for _ in range(RESAMPLES):
        sample = data[dice.integers(len(data), size=len(data))]
        if forecaster == "straight line":
            sample = best_so_far(sample)
            said = [by_line(sample, *run) for run in [at, *sample[:, :2]]]
        else:
            exponents = dice.uniform(*BETWEEN, size=2)
            theta = fit(sample, near) if forecaster == "five fitted numbers" else fit_with(sample, *exponents)
            said = law(theta, *np.array([at, *sample[:, :2]]).T)
        found.append(float(said[0] * dice.choice(sample[:, 2] / said[1:])))
    return rounded(Interval(value, *np.quantile(found, [0.025, 0.975]).tolist()))


def row(forecaster: str) -> dict[str, Any]:
    """A forecaster's loss for the large run, in nats per character, and what that run is."""
    data, size = runs(), parameters(LARGE["d_model"])
    return {
        "forecaster": forecaster,
        "d_model": LARGE["d_model"],
        "parameters": size,
        "characters": LARGE["characters"],
        "learning rate": rate(),
        "compute, times the largest run's": round(size * LARGE["characters"] / (data[:, 0] * data[:, 1]).max(), 2),
        "loss": interval(forecaster),
    }


def rows() -> Iterator[dict[str, Any]]:
    """The law and its rivals."""
    for forecaster in FORECASTERS:
        yield row(forecaster)
