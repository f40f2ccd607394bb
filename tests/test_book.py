"""A notebook on its way into the book, and the first page; tests/test_book_browser.py reads the whole book."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from classroom import book, notebooks
from classroom.panels import SAVED

VERDICT = {"text/plain": "○ not attempted yet"}


def shown(data):
    return new_output("execute_result", data, execution_count=1)


def test_solutions_and_predictions_are_folded_under_a_label():
    cells = [
        new_code_cell("1", metadata={"tags": ["exercise"]}),
        new_code_cell("2", metadata={"tags": ["solution"], "jupyter": {"source_hidden": True}}),
        new_code_cell("3", metadata={"jupyter": {"outputs_hidden": True}}),
        new_code_cell("4", metadata={"jupyter": {"source_hidden": True}}),
        new_code_cell("5", metadata={"tags": ["nbval-ignore-output"], "jupyter": {"outputs_hidden": False}}),
    ]
    made = book.page(new_notebook(cells=cells)).cells
    folds = {"hide-cell", "hide-input", "hide-output"}
    assert [[tag for tag in cell.metadata.get("tags", []) if tag in folds] for cell in made] == [
        [],
        ["hide-cell"],
        ["hide-output"],
        ["hide-input"],
        [],
    ]
    labels = [cell.metadata.get("mystnb", {}).get("code_prompt_show") for cell in made]
    assert labels == [None, "Show the solution", "Show what comes out", "Show the code", None]
    assert made[1].metadata.mystnb.code_prompt_hide == "Hide the solution"
    assert "hide-cell" not in cells[1].metadata.tags, "the notebook itself stays as it is"


def test_a_check_is_left_out_because_nobody_can_run_it():
    check = new_code_cell("word.f(f)", metadata={"tags": ["check"]}, outputs=[shown(VERDICT)])
    [text] = book.page(new_notebook(cells=[check, new_markdown_cell("on")])).cells
    assert text.source == "on"


def test_panels_and_plots_have_words():
    panel = {"text/html": f'<img alt="k = 3"><pre>k = 3\n({SAVED})</pre>', "text/plain": "k = 3"}
    plot = {"image/png": "iVBOR", "text/plain": "<Figure size 700x380 with 1 Axes>"}
    curves = {"image/png": "iVBOR", "text/plain": "learning\ncurves"}
    cells = [new_code_cell("draw()", outputs=[new_output("display_data", data)]) for data in (panel, plot, curves)]
    first, second, third = book.page(new_notebook(cells=cells)).cells
    assert "its controls work in the notebook" in first.outputs[0].data["text/html"]
    assert SAVED not in str(first)
    assert second.metadata["mystnb"]["image"]["alt"] == book.PLOT
    assert third.metadata["mystnb"]["image"]["alt"] == "learning curves"


def test_what_a_cell_shows_as_markdown_is_text_with_links_that_lead_to_pages():
    outputs = [new_output("stream", text="a line"), shown({"text/markdown": "[02](02_word_vectors.ipynb)"})]
    code, text = book.page(new_notebook(cells=[new_code_cell("table()", outputs=outputs)])).cells
    assert [output.output_type for output in code.outputs] == ["stream"]
    assert (text.cell_type, text.source) == ("markdown", "[02](02_word_vectors.ipynb)")


def notebook(title, built, minutes=90, tasks=1):
    stub = {"tags": ["exercise"], "course": {"id": "a.b", "stars": 1, "minutes": 5}}
    opening = f"# {title}\n\nA riddle.\n\n**What you will build.** {built}\n\n**Data.** None."
    cells = [new_markdown_cell(opening), *[new_code_cell("...", metadata=stub) for _ in range(tasks)]]
    about = {"read_minutes": minutes, "run_minutes": 1, "needs": []}
    return new_notebook(cells=cells, metadata={"course": about})


def test_the_first_page_has_every_notebook_in_its_part():
    books = {
        "00_start": notebook("Start", "A table\nof counts.", 20),
        "10_counts": notebook("Counts", "A model.", tasks=5),
        "34_tune": notebook("Tune", "An adapter."),
        "91_later": notebook("Later", "Whatever comes."),
    }
    text = book.first_page(books)
    assert "- **[00 Start](00_start.ipynb)** · 20 minutes · 1 exercise<br>\n  A table of counts.\n" in text
    assert "· 90 minutes · 5 exercises<br>" in text
    parts = [line for line in text.splitlines() if line.startswith("## ")]
    assert parts == [f"## {book.PARTS[number]}" for number in (0, 1, 3)]
    assert text.count("```{toctree}") == 3
    assert "34 Tune <34_tune>\n91 Later <91_later>\n```" in text


def test_the_courses_own_first_page_says_what_each_notebook_builds():
    books = {path.stem: notebooks.read(path) for path in notebooks.notebooks()}
    lines = book.first_page(books).splitlines()
    for name in books:
        [place] = [place for place, line in enumerate(lines) if f"]({name}.ipynb)**" in line]
        assert len(lines[place + 1]) > 20, name


@pytest.mark.parametrize("path", notebooks.notebooks(), ids=lambda path: path.stem)
def test_a_real_notebook_stays_valid_and_keeps_all_but_its_checks(path):
    before = notebooks.read(path)
    after = book.page(before)
    nbformat.validate(after)
    kept = [cell.source for cell in before.cells if "check" not in cell.metadata.get("tags", [])]
    assert [cell.source for cell in after.cells if cell.source in {*kept}] == kept
    assert "not attempted yet" not in str([cell.get("outputs") for cell in after.cells])


def test_a_folder_with_something_else_in_it_is_refused(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    assert book.main(["--out", str(tmp_path)]) == 2
    assert "new or empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
