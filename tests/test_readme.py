"""What the README promises is there: its map, its commands, its links, its modules, its line for teachers."""

import re
import subprocess
import sys

import pytest

from classroom import notebooks
from course_lib import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", notebooks.notebooks(), ids=lambda path: path.stem)
def test_the_map_holds_each_notebook_with_its_times(path):
    notebook = notebooks.read(path)
    about, title = notebook.metadata["course"], notebook.cells[0].source.partition("\n")[0].removeprefix("# ")
    row = (
        rf"\| \[{path.stem[:2]} {re.escape(title)}\]\(notebooks/{path.name}\) \| .+ \| {about['read_minutes']} min \| "
    )
    assert re.search(rf"{row}{about['run_minutes']} min \|", README)


def test_every_link_leads_to_a_file():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links and [link for link in links if not (PROJECT / link).exists()] == []


def test_every_module_is_named():
    table = README.partition("dependencies run downward only:")[2].partition("Names in the library")[0]
    modules = {p.stem for p in (PROJECT / "course_lib").iterdir() if not p.name.startswith((".", "_"))}
    assert set(re.findall(r"`(\w+)`(?=[,` |])", table)) >= modules


def test_every_command_exists():
    listed = subprocess.run([sys.executable, PROJECT / "course.py"], capture_output=True, text=True).stdout
    commands = set(re.findall(r"course\.py (\w+)", README))
    assert {"lab", "test", "doctor", "run"} <= commands
    assert commands <= set(re.findall(r"course\.py (\w+)", listed))
