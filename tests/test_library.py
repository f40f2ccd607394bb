"""Promises of the whole library: doctests pass, modules are small, public names are few, documented and real."""

import ast
import doctest
import importlib
import inspect
import io
import pkgutil
import subprocess
import sys
import tokenize

import pytest

from course_lib import PROJECT

PACKAGES = ("course_lib", "classroom", "experiments")
MODULES = sorted(
    module.name for package in PACKAGES for module in pkgutil.walk_packages([str(PROJECT / package)], f"{package}.")
)
MAY_IMPORT = {"course_lib": set(), "classroom": {"course_lib", "experiments"}, "experiments": {"course_lib"}}


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


def test_doctests_are_found():
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test.name for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples]
    known = {"course_lib.embeddings.counts.ppmi", "course_lib.runtime.expect", "course_lib.metrics.intervals.spearman"}
    assert known <= set(found)


@pytest.mark.parametrize("name", MODULES)
def test_module_is_as_long_as_an_idea_and_its_public_names_are_documented(name):
    module = importlib.import_module(name)
    exercises = name.startswith("classroom.checks.")  # tables of mistakes, a few lines each
    assert len(inspect.getsource(module).splitlines()) <= (1000 if exercises else 400)
    assert module.__doc__
    for public in getattr(module, "__all__", []):
        value = getattr(module, public)
        assert not callable(value) or inspect.getdoc(value), f"{public} has no docstring"
    assert len(getattr(module, "__all__", [])) <= (21 if hasattr(module, "__path__") else 12)


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith("classroom.checks.")])
def test_functions_and_classes_are_short(name):
    for node in ast.walk(ast.parse(inspect.getsource(importlib.import_module(name)))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            most = 70 if isinstance(node, ast.ClassDef) else 40
            assert node.end_lineno - node.lineno < most, f"{node.name} is too long"


def _imported(path):
    """The project's packages that a file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (name.partition(".")[0] for name in names)


@pytest.mark.parametrize("package", PACKAGES)
def test_arrows_run_one_way(package):
    others = set(PACKAGES) - {package} - MAY_IMPORT[package]
    for path in (PROJECT / package).rglob("*.py"):
        assert not others & set(_imported(path)), path


def test_no_test_imports_a_test():
    for path in (PROJECT / "tests").rglob("*.py"):
        assert not [name for name in _imported(path) if name.startswith("test_")], f"{path}: helpers.py is for that"


def _code_lines(path):
    """How many lines hold code: no blank ones, comments or docstrings."""
    source = path.read_text(encoding="utf-8")
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in skipped | {tokenize.ENDMARKER}:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines)


def test_the_subject_can_be_read_in_an_afternoon():
    library = PROJECT / "course_lib"
    plumbing = {*(library / "data").rglob("*.py"), library / "installing.py", library / "console.py"}
    plumbing |= {library / "serving" / "app.py", library / "serving" / "__main__.py"}  # HTTP
    assert sum(map(_code_lines, {*library.rglob("*.py")} - plumbing)) <= 8_000


def test_importing_prints_nothing_and_needs_no_data(tmp_path):
    code = "import " + ", ".join(MODULES)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_training_and_loading_weights_import_nothing_that_draws(tmp_path):
    code = """
import sys, torch
from course_lib.pretrained import load_shakespeare_gpt
from course_lib.training import TrainingConfig, __main__, train
load_shakespeare_gpt()
config, x = TrainingConfig(steps=2, learning_rate=0.1), torch.ones(3, 2)
train(torch.nn.Linear(2, 2), lambda model, batch: model(batch).square().mean(), lambda generator: x, config)
print({"IPython", "matplotlib", "pandas", "scipy", "sklearn", "transformers"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "set()", done.stderr


def test_text_files_are_utf8_with_lf_and_name_no_machine():
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in listed.stdout.splitlines():
        data = (PROJECT / name).read_bytes()
        if not name.endswith((".png", ".safetensors")):
            assert b"\r\n" not in data and data.decode("utf-8").count(str(PROJECT)) == 0, name
