"""What the README and docs/ promise is there: the map, the commands, the links, the modules, each notebook's memory."""

import re
import subprocess
import sys

import pytest

from classroom import notebooks
from course_lib import PROJECT

PAGES = [PROJECT / "README.md", PROJECT / "AGENTS.md", *sorted((PROJECT / "docs").glob("*.md"))]
README, TEACHING, MAINTAINING = (PROJECT / name for name in ("README.md", "docs/teaching.md", "docs/maintaining.md"))


def text(page):
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", notebooks.notebooks(), ids=lambda path: path.stem)
def test_the_map_holds_each_notebook_with_its_time(path):
    notebook = notebooks.read(path)
    about, title = notebook.metadata["course"], notebook.cells[0].source.partition("\n")[0].removeprefix("# ")
    row = rf"\| \[{path.stem[:2]} {re.escape(title)}\]\(notebooks/{path.name}\) \| .+ \| {about['read_minutes']} min \|"
    assert re.search(row, text(README))


@pytest.mark.parametrize("path", notebooks.notebooks(), ids=lambda path: path.stem)
def test_teachers_are_told_what_each_notebook_needs(path):
    about = notebooks.read(path).metadata["course"]
    name, needs = path.stem.replace("_", " ", 1), ", ".join(about["needs"]) or "–"
    found = re.search(rf"(?m)^\| {name} \| {needs} \| {about['read_minutes']} \| (\d\.\d) GB \|$", text(TEACHING))
    assert found and 0 < float(found[1]) <= 4


def test_the_readme_is_one_page():
    """Two minutes at 240 words a minute, and the map, which one looks things up in."""
    rows = [line for line in text(README).splitlines() if line.startswith("|")]
    assert len(text(README).split()) - sum(len(row.split()) for row in rows) <= 480


def anchors(page):
    titles = re.findall(r"^#+ (.+)$", text(page), re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_section(page):
    for link in re.findall(r"\]\(([^)]+)\)", text(page)):
        name, _, section = link.partition("#")
        target = page.parent / name if name else page
        assert "://" in link or target.exists()
        assert not section or section in anchors(target)


def test_every_module_is_named():
    table = text(MAINTAINING).partition("dependencies run downward only:")[2].partition("## Names")[0]
    modules = {p.stem for p in (PROJECT / "course_lib").iterdir() if not p.name.startswith((".", "_"))}
    assert set(re.findall(r"`(\w+)`(?=[,` |])", table)) >= modules


def test_every_command_exists_and_is_explained():
    listed = subprocess.run([sys.executable, PROJECT / "course.py"], capture_output=True, text=True).stdout
    commands = set(re.findall(r"course\.py (\w+)", "".join(map(text, PAGES))))
    assert commands == set(re.findall(r"course\.py (\w+)", listed))
