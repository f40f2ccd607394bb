"""JupyterLab in a real Chromium, with every outside address blocked: the notebooks run, panels move, checks answer."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from playwright.sync_api import sync_playwright

from classroom import notebooks

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None and os.environ.get("COURSE_BROWSER") != "required":
    pytest.skip("no Chromium here (COURSE_BROWSER=required makes that a failure)", allow_module_level=True)

pytestmark = pytest.mark.slow
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]
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


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on copies of the notebooks, with settings of its own: its address, token, and folder."""
    root, home = tmp_path_factory.mktemp("my"), tmp_path_factory.mktemp("jupyter")
    for path in notebooks.notebooks():
        shutil.copy(path, root)
    settings = home / "settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"windowingMode": "none"}', encoding="utf-8")  # else cells off screen leave the page
    folders = {"CONFIG": "config", "DATA": "data", "RUNTIME": "runtime"}
    environment = {**os.environ, **{f"JUPYTER_{name}_DIR": str(home / folder) for name, folder in folders.items()}}
    environment |= {
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "spaces"),
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", "--allow-root", "--expose-app-in-browser", "--ip=127.0.0.1", f"--port={port}"]
    options += ["--ServerApp.port_retries=0", "--IdentityProvider.token=secret", f"--ServerApp.root_dir={root}"]
    options += ["--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
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
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page_of(lab, browser):
    """page_of(name) opens a notebook, runs all its cells, and gives the page; no outside address may be asked for."""
    address, _ = lab
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    outside = []

    def route(request):
        inside = request.request.url.startswith((address, address.replace("http", "ws"), "data:", "blob:"))
        request.continue_() if inside else (outside.append(request.request.url), request.abort())

    context.route("**/*", route)

    def open_and_run(name):
        page = context.new_page()
        page.set_default_timeout(180_000)
        page.goto(f"{address}/lab/tree/{name}?token=secret&reset")
        page.wait_for_selector(".jp-Notebook .jp-Cell")
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

    neighbours, analogy, plane = page.locator(".course-panel").all()
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
