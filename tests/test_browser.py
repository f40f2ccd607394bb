"""JupyterLab as the course sets it up, in a real Chromium, every outside address blocked: what a reader does there."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from chromium import launched

from classroom import notebooks
from course_lib import PROJECT

pytestmark = pytest.mark.slow
RUN_ALL = """async () => {
    const app = window.jupyterapp, panel = app.shell.currentWidget;
    await panel.context.ready; await panel.sessionContext.ready;
    await app.commands.execute('notebook:run-all-cells');
    await panel.sessionContext.session.kernel.info;
}"""
OUTPUTS = """() => Array.from(window.jupyterapp.shell.currentWidget.content.model.cells)
    .flatMap(cell => cell.outputs ? Array.from(cell.outputs.toJSON()) : [])"""
RUN_ONE = """async ([tag, source]) => {
    const app = window.jupyterapp, content = app.shell.currentWidget.content;
    const cells = Array.from(content.model.cells);
    content.activeCellIndex = cells.findIndex(cell => (cell.getMetadata('tags') || []).includes(tag));
    if (source) cells[content.activeCellIndex].sharedModel.setSource(source);
    await app.commands.execute('notebook:run-cell');
    const shown = cells[content.activeCellIndex].outputs.toJSON();
    return shown.map(output => (output.data || {})['text/plain'] || '').join('');
}"""
SAVE_AND_CLOSE = """async () => {
    const app = window.jupyterapp;
    await app.shell.currentWidget.context.save();
    await app.commands.execute('application:close');
}"""
NO_KERNEL_RUNS = "async () => (await (await fetch('/api/kernels?token=secret')).json()).length === 0"
PANEL = """
import torch
from classroom import panels
def look(sentence):
    tokens = sentence.split()
    weights = torch.eye(len(tokens)).roll(1, 0).expand(8, -1, -1)
    return {"first": panels.AttentionMap(weights, tokens, tokens)}
panels.attention_panel(look, "one two three four five six seven eight nine ten eleven twelve thirteen")
"""
TRAINING = """
import torch
from torch import nn
from course_lib.training import TrainingConfig, train
network = nn.Linear(2, 1)
config = TrainingConfig(steps=10**7, learning_rate=0.01, evaluate_every=10**6, seed=0)
history = train(network, lambda model, batch: model(batch).square().mean(), lambda generator: torch.ones(3, 2), config)
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on copies of the notebooks, set up as `course.py lab` does: its address, and its folder."""
    root, home = tmp_path_factory.mktemp("my"), tmp_path_factory.mktemp("jupyter")
    for path in notebooks.notebooks():
        shutil.copy(path, root)
    for name, source in (("panel", PANEL), ("training", TRAINING)):
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(made, root / f"{name}.ipynb")
    folders = {"CONFIG": "config", "DATA": "data", "RUNTIME": "runtime"}
    environment = {**os.environ, **{f"JUPYTER_{name}_DIR": str(home / folder) for name, folder in folders.items()}}
    environment |= {
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "spaces"),
        "JUPYTER_CONFIG_PATH": str(PROJECT / "classroom" / "lab"),
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", "--allow-root", "--expose-app-in-browser", "--ip=127.0.0.1", f"--port={port}"]
    options += ["--ServerApp.port_retries=0", "--IdentityProvider.token=secret", f"--ServerApp.root_dir={root}"]
    log = home / "lab.log"
    with open(log, "w", encoding="utf-8") as stream:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=environment, stdout=stream, stderr=stream
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api/status?token=secret", server, log)
        yield address, root
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(url, server, log):
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not answer:\n{log.read_text(encoding='utf-8')}")


@pytest.fixture(scope="module")
def browser():
    with launched() as chromium:
        yield chromium


@pytest.fixture
def page_of(lab, browser):
    """page_of(name) opens a notebook, runs all its cells, and gives the page; no outside address may be asked for.

    With run=False it runs none.
    """
    address, _ = lab
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    outside = []

    def route(request):
        inside = request.request.url.startswith((address, address.replace("http", "ws"), "data:", "blob:"))
        request.continue_() if inside else (outside.append(request.request.url), request.abort())

    context.route("**/*", route)

    def open_and_run(name, run=True, size=None):
        page = context.new_page()
        page.set_viewport_size(size or {"width": 1400, "height": 1000})
        page.set_default_timeout(180_000)
        page.goto(f"{address}/lab/tree/{name}?token=secret&reset")
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        if run:
            page.evaluate(RUN_ALL)
        page.set_default_timeout(30_000)
        return page

    yield open_and_run
    context.close()
    assert outside == []


def _is_clean(page):
    """No error output, no formula left as raw LaTeX."""
    assert [output for output in page.evaluate(OUTPUTS) if output["output_type"] == "error"] == []
    assert page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    prose = "\n".join(page.locator(".jp-MarkdownCell .jp-RenderedMarkdown").all_inner_texts())
    assert not re.search(r"\$\$|\\frac|\\cos|\\mathrm|\\sum", prose)


def _picture(panel):
    return panel.locator("img").get_attribute("src")


def test_start_here_runs_its_panel_moves_and_its_check_answers(page_of):
    page = page_of("00_start_here.ipynb")
    _is_clean(page)
    panel = page.locator(".course-panel")
    before = _picture(panel)
    panel.locator(".noUi-handle").focus()
    page.keyboard.press("ArrowRight")
    panel.get_by_text("at least 4 letters").wait_for()
    assert _picture(panel) != before and before.startswith("data:image/png")

    assert "not attempted yet" in page.evaluate(RUN_ONE, ["check", None])
    page.evaluate(RUN_ONE, ["exercise", "def median(numbers):\n    return sum(numbers) / len(numbers)"])
    assert "this is the mean" in page.evaluate(RUN_ONE, ["check", None])
    page.evaluate(RUN_ONE, ["exercise", "from statistics import median"])
    assert "✔ passed" in page.evaluate(RUN_ONE, ["check", None])
    page.get_by_text("this is the mean").wait_for(state="detached")


def test_word_vectors_runs_and_its_panels_answer(page_of):
    page = page_of("02_word_vectors.ipynb")
    _is_clean(page)
    assert page.locator(".jp-MarkdownCell mjx-container").count() >= 5

    neighbours, plane, analogy = page.locator(".course-panel").all()
    for panel, words, expected in (
        (neighbours, ["paris"], "france"),
        (analogy, ["japan", "tokyo", "france"], "paris"),
        (plane, ["one two three; red green blue"], re.compile("^6 words")),
    ):
        before = _picture(panel)
        for entry, word in zip(panel.locator("input[type=text]").all(), words, strict=False):
            entry.fill(word)
            entry.press("Enter")
        panel.locator("pre", has_text=expected).wait_for()
        assert _picture(panel) != before

    before = _picture(neighbours)
    for wrong in ("<unk>", "qqxzjv"):
        neighbours.locator("input[type=text]").first.fill(wrong)
        neighbours.locator("input[type=text]").first.press("Enter")
        neighbours.locator("pre", has_text=f"'{wrong}' is not among the 400,000 words").wait_for()
        assert _picture(neighbours) == before


def test_a_panel_saved_and_opened_without_its_kernel_is_a_picture_with_its_text(page_of, lab):
    page = page_of("00_start_here.ipynb")
    page.locator(".course-panel img").wait_for()
    page.evaluate(SAVE_AND_CLOSE)
    page.wait_for_function(NO_KERNEL_RUNS)  # closing the tab has shut it down
    saved = json.loads((lab[1] / "00_start_here.ipynb").read_text(encoding="utf-8"))
    assert notebooks.WIDGET not in json.dumps(saved)

    page = page_of("00_start_here.ipynb", run=False)
    picture = page.locator(".jp-OutputArea-output img[alt^='length = 3']")
    picture.scroll_into_view_if_needed()
    assert picture.evaluate("image => image.complete && image.naturalWidth") > 300
    page.locator(".jp-OutputArea-output pre", has_text="words have at least 3 letters").wait_for()
    assert page.get_by_text("Error displaying widget").count() == 0

    convert = [sys.executable, "-m", "nbconvert", "--to", "html", "--stdout", str(lab[1] / "00_start_here.ipynb")]
    page = subprocess.run(convert, capture_output=True, check=True, encoding="utf-8").stdout
    assert re.search(r'<img alt="length = 3[^>]*src="data:image/png;base64,', page)


def test_a_panel_fits_a_small_window_and_its_controls_stay_in_sight(page_of):
    page = page_of("panel.ipynb", size={"width": 1024, "height": 768})
    panel = page.locator(".course-panel")
    panel.locator("pre", has_text="head 7: one").wait_for()
    everything = _picture(panel)
    panel.scroll_into_view_if_needed()
    assert panel.bounding_box()["height"] < page.locator(".jp-WindowedPanel-outer").bounding_box()["height"]
    panel.locator("pre").evaluate("text => text.scrollIntoView(false)")
    window = page.locator(".jp-WindowedPanel-outer").bounding_box()
    controls = panel.locator("input, .noUi-handle")
    assert controls.count() == 3
    for control in controls.all():
        assert control.bounding_box()["y"] >= window["y"]

    panel.locator("input").focus()
    for _ in range(3):  # by the keyboard alone: to the layer, to its name, to the head
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    panel.locator("pre", has_text="head 0").filter(has_not_text="head 1").wait_for()
    assert _picture(panel) != everything
    one = panel.locator("img")
    assert one.bounding_box()["width"] == one.evaluate("image => image.naturalWidth"), "shown as large as it was drawn"


def test_settings_of_the_page(page_of):
    """At the least width: nothing is cut off, nothing is empty; a picture suits a dark theme."""
    page = page_of("02_word_vectors.ipynb", run=False, size={"width": 1024, "height": 768})
    too_wide = "shown => shown.filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText)"
    names = page.locator(".jp-DirListing-itemText")
    assert names.count() > 15 and names.evaluate_all(too_wide) == []
    page.wait_for_function("() => document.querySelectorAll('.jp-CodeCell .cm-content').length > 40")
    assert page.locator(".jp-CodeCell .cm-scroller").evaluate_all(too_wide) == []

    page.evaluate(RUN_ONE, ["exercise", None])
    assert page.locator(".execute-time").count() == 0

    ends_with_the_last_cell = """() => {  // cells grow while they are rendered: the end is where they have come to rest
        const outer = document.querySelector('.jp-WindowedPanel-outer');
        outer.scrollTo(0, 1e9);
        const last = Array.from(document.querySelectorAll('.jp-Cell')).at(-1).getBoundingClientRect();
        const below = outer.getBoundingClientRect().bottom - last.bottom;
        return 0 < below && below < 100;
    }"""
    page.wait_for_function(ends_with_the_last_cell)

    picture = page.locator(".jp-OutputArea img[src^='data:image/png']").first
    filter_of = "image => getComputedStyle(image).filter"
    assert picture.evaluate(filter_of) == "none"
    page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    assert picture.evaluate(filter_of).startswith("invert")
    page.evaluate("window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")
    page.wait_for_function("document.body.dataset.jpThemeLight === 'true'")


def test_a_folded_answer_shows_none_of_it_and_unfolds(page_of):
    page = page_of("23_gpt.ipynb", run=False)
    bar = page.locator(".jp-OutputPlaceholder .jp-PlaceholderText").first
    assert bar.evaluate("text => getComputedStyle(text).fontSize") == "0px"
    assert "click to see it" in bar.evaluate("text => getComputedStyle(text, '::before').content")
    bar.click()
    bar.wait_for(state="hidden")


def test_a_training_that_was_stopped_says_so(page_of):
    page = page_of("training.ipynb", run=False)
    page.evaluate(RUN_ALL.replace("await app.commands", "app.commands").replace("kernel.info", "kernel.ready"))
    page.locator(".jp-OutputArea-output progress").wait_for()
    page.locator("[data-command='notebook:interrupt-kernel'], [title*='Interrupt']").first.click()
    page.locator(".jp-OutputArea-output progress").wait_for(state="detached")
    page.locator(".jp-OutputArea-output", has_text=re.compile(r"stopped after step [\d,]+", re.I)).first.wait_for()
