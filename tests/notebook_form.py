"""What a notebook of the course must be like; `problems` names what is missing."""

import ast
import itertools
import re
import statistics
from collections.abc import Iterator

import nbformat
from nbformat import NotebookNode

from classroom.notebooks import normalise

LARGEST_BYTES = 1_000_000
KINDS = ("build", "debug", "design", "experiment")
LONGEST_CELL = 30  # lines; one whole class may take 60
SECOND_EDITION = {
    "text_to_tokens",
    "word_vectors",
    "word2vec",
    "instruction_tuning",
    "ngrams",
    "automatic_differentiation",
    "neural_language_model",
    "overfitting",
    "gru_lstm",
    "recurrent_networks",
    "seq2seq_attention",
    "attention",
    "transformer",
    "gpt",
    "word_alignment",
    "speed_run",
    "real_llm",
    "bert",
    "fine_tuning",
    "retrieval",
    "scaling_laws",
    "features",
    "looking_inside",
    "faster_smaller",
    "choosing_a_model",
    "evaluation",
    "preferences",
    "what_models_keep",
    "bias_and_inventions",
    "pictures",
    "speech",
    "in_service",
    "width_and_experts",
}
PARTS = {
    "an opening that says what you will build": r"\*\*What you will build\.\*\*",
    "an opening that says what you need": r"\*\*What you need\.\*\*",
    "an opening that says how long it takes": r"\*\*Time\.\*\*",
    "an opening that says which data": r"\*\*Data\.\*\*",
    "a prediction to make": r"(?i)predict",
    "what goes wrong": r"(?m)^## .*What goes wrong",
    "a bug to spot": r"(?i)spot the bug",
    "what you can do now": r"(?m)^## What you can do now",
    "five questions": r"\*\*Ask yourself\*\*\s+1\. .+\n2\. .+\n3\. .+\n4\. .+\n5\. .+",
    "the vocabulary": r"\*\*Vocabulary\.\*\*",
    "references": r"\*\*References?\.?\*\*",
    "the next notebook's question": r"\*\*Next\.\*\*",
}


def problems(text: str, name: str) -> list[str]:
    """Everything that is wrong with a notebook (its JSON text) of that name (NN_slug)."""
    notebook = nbformat.reads(text, as_version=4)
    slug = name.partition("_")[2]
    found = [*_of_file(notebook, text), *_of_running(notebook), *_of_prose(notebook), *_of_exercises(notebook, slug)]
    return [*found, *_of_predictions(notebook)] if slug in SECOND_EDITION else found


def _of_file(notebook: NotebookNode, text: str) -> Iterator[str]:
    if nbformat.writes(normalise(notebook)) + "\n" != text:
        yield "not in normal form: `python3 course.py refresh` writes it"
    if len(text.encode()) > LARGEST_BYTES:
        yield f"larger than {LARGEST_BYTES:,} bytes"
    if set(notebook.metadata.get("course", {})) != {"read_minutes", "run_minutes", "needs"}:
        yield "the metadata must give course: read_minutes, run_minutes, needs"


def _of_running(notebook: NotebookNode) -> Iterator[str]:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        yield "not every code cell was run, once, from top to bottom"
    for cell in code:
        first = cell.source.partition("\n")[0]
        kinds = {output.get("name", output.output_type) for output in cell.outputs}
        if "error" in kinds and "raises-exception" not in _tags(cell):
            yield f"error output in the cell `{first}`"
        if "stderr" in kinds:
            yield f"output on stderr in the cell `{first}`"
        if len(cell.source.splitlines()) > (60 if re.search(r"(?m)^class ", cell.source) else LONGEST_CELL):
            yield f"too long a cell: `{first}`"
        if "import *" in cell.source:
            yield f"`import *` in the cell `{first}`"
    shown = [cell for cell in code if cell.outputs]
    if sum("nbval-ignore-output" in _tags(cell) for cell in shown) > len(shown) / 3:
        yield "too few outputs are compared: over a third are tagged nbval-ignore-output"
    if code and statistics.median(len(cell.source.splitlines()) for cell in code) > 4:
        yield "the median code cell has more than 4 lines"


def _of_prose(notebook: NotebookNode) -> Iterator[str]:
    prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    if not notebook.cells or not notebook.cells[0].source.startswith("# "):
        yield "the first cell must begin with the title"
    for part, pattern in PARTS.items():
        if not re.search(pattern, prose):
            yield f"missing: {part}"
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    if not any("image/png" in str(output.get("data", {})) for output in outputs):
        yield "missing: a panel or a picture"


def _of_predictions(notebook: NotebookNode) -> Iterator[str]:
    """After "Predict, then run", one of the outputs before the next text is the answer, and begins folded."""
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown" or "predict, then run" not in cell.source.lower():
            continue
        answers = list(itertools.takewhile(lambda cell: cell.cell_type == "code", notebook.cells[place + 1 :]))
        if not any(cell.outputs and cell.metadata.get("jupyter", {}).get("outputs_hidden") for cell in answers):
            asked = cell.source[cell.source.lower().index("predict, then run") :][:60].replace("\n", " ")
            yield f"the output after `{asked}` must begin folded: outputs_hidden in the metadata of its cell"


def _of_exercises(notebook: NotebookNode, slug: str) -> Iterator[str]:
    kinds = ("statement", "exercise", "check", "solution")
    stubs = [place for place, cell in enumerate(notebook.cells) if "exercise" in _tags(cell)]
    tagged = sum(bool(set(kinds) & set(_tags(cell))) for cell in notebook.cells)
    if tagged != 4 * len(stubs):
        yield "exercises out of form: each is a statement, a stub, a check and a solution"
    if len(stubs) < (1 if slug == "start_here" else 4):
        yield "too few exercises"
    yield from _of_solutions(notebook)
    for place in stubs:
        four = notebook.cells[max(place - 1, 0) : place + 3]
        about = notebook.cells[place].metadata.get("course", {})
        identity = str(about.get("id"))
        if set(about) != {"id", "kind", "stars", "minutes"} or identity.partition(".")[0] != slug:
            yield f"exercise {identity}: the stub's metadata must give course: id ({slug}.NAME), kind, stars, minutes"
        if about.get("kind") not in KINDS:
            yield f"exercise {identity}: the kind must be one of {', '.join(KINDS)}"
        if [kind for cell, kind in zip(four, kinds, strict=False) if kind in _tags(cell)] != list(kinds):
            yield f"exercise {identity}: statement, exercise, check, solution must follow each other"
            continue
        yield from _of_one_exercise(identity, *four, rest=notebook.cells[place + 3 :])


def _of_solutions(notebook: NotebookNode) -> Iterator[str]:
    """A hand-out has no solutions: no other cell may use a name that only a solution defines."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    solutions, others = ([cell for cell in code if ("solution" in _tags(cell)) == of] for of in (True, False))
    defined = {name for cell in others for name in _names(cell, ast.Store)}
    lost = {name for cell in solutions for name in _names(cell, ast.Store)} - defined
    for cell in others:
        if used := lost & _names(cell, ast.Load):
            first = cell.source.partition("\n")[0]
            yield f"only a solution defines {', '.join(sorted(used))}, which the cell `{first}` uses"


def _names(cell: NotebookNode, context: type) -> set[str]:
    """The names that a cell defines at its top level (ast.Store), or that it uses anywhere (ast.Load)."""
    tree = ast.parse(re.sub(r"(?m)^[%!].*$", "", cell.source))
    if context is ast.Load:
        return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    imports = [alias for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names]
    found |= {(alias.asname or alias.name).partition(".")[0] for alias in imports}
    statements = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    targets = [node for statement in statements for node in ast.walk(statement) if isinstance(node, ast.Name)]
    return found | {node.id for node in targets if isinstance(node.ctx, ast.Store)}


def _of_one_exercise(identity, statement, stub, check, solution, rest) -> Iterator[str]:
    slug, _, function = identity.partition(".")
    if statement.source.count("<details>") < 2:
        yield f"exercise {identity}: fewer than two hints"
    body = ".+" if stub.metadata.get("course", {}).get("kind") == "debug" else re.escape("...")
    if not re.fullmatch(rf'def {function}\(.*\):\n    """.+"""\n    {body}', stub.source, re.DOTALL):
        yield f"exercise {identity}: the stub must be a signature, a docstring and `...` (or code to debug)"
    if check.source != f"{slug}.{function}({function})" or "not attempted" not in _shown(check):
        yield f"exercise {identity}: the check must be `{slug}.{function}({function})`, not attempted"
    called = f"{slug}.{function}({function}_solution, record=False)"
    if not solution.source.endswith(called) or "passed by the solution" not in _shown(solution):
        yield f"exercise {identity}: the solution must end with `{called}` and pass"
    if not solution.metadata.get("jupyter", {}).get("source_hidden"):
        yield f"exercise {identity}: the solution must be collapsed"
    if any(re.search(rf"(?<![\w.]){function}\(", cell.source) for cell in rest if cell.cell_type == "code"):
        yield f"exercise {identity}: a later cell uses the reader's answer"


def _tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def _shown(cell: NotebookNode) -> str:
    return "".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs)
