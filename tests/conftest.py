"""What every test shares: laptop scale, progress in a temporary file, no window for plots, the notebooks' times."""

import collections
import os
import tempfile
from pathlib import Path

import matplotlib
import pytest

os.environ["COURSE_SCALE"] = "laptop"
os.environ["COURSE_PROGRESS"] = str(Path(tempfile.mkdtemp(), "progress.json"))
matplotlib.use("agg")


def pytest_terminal_summary(terminalreporter):
    """Print how long each notebook took, and the sum."""
    seconds = collections.Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if ".ipynb::" in getattr(report, "nodeid", ""):
                seconds[report.nodeid.partition("::")[0]] += report.duration
    if seconds:
        terminalreporter.section("time of the notebooks")
        for notebook, duration in sorted(seconds.items()):
            terminalreporter.line(f"{notebook:44}{duration:7.1f} s")
        terminalreporter.line(f"{'all':44}{sum(seconds.values()):7.1f} s")


def pytest_sessionstart(session):
    """Fetch the data before the tests, so that no notebook's output holds the line that says so."""
    from course_lib import data

    try:
        data.fetch([package.name for package in data.status()])
    except data.DataError as error:
        pytest.exit(str(error), returncode=1)
