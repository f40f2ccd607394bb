"""Promises of the whole library: doctests pass, modules are small, public names are few, documented and real."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import course_lib
from course_lib import PROJECT

MODULES = sorted(m.name for m in pkgutil.walk_packages(course_lib.__path__, "course_lib.") if "__main__" not in m.name)
LEAVES = (
    "course_lib.widgets",
    "course_lib.checks.",
    "course_lib.results.",
    "course_lib.notebooks",
    "course_lib.doctor",
)


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
def test_module_is_small_and_its_public_names_are_documented(name):
    module = importlib.import_module(name)
    most = 300 if name.startswith("course_lib.checks.") else 250  # checks hold tables of messages
    assert len(inspect.getsource(module).splitlines()) <= most
    assert module.__doc__
    for public in getattr(module, "__all__", []):
        value = getattr(module, public)
        assert not callable(value) or inspect.getdoc(value), f"{public} has no docstring"
    assert len(getattr(module, "__all__", [])) <= (20 if hasattr(module, "__path__") else 12)


@pytest.mark.parametrize("name", MODULES)
def test_functions_and_classes_are_short(name):
    for node in ast.walk(ast.parse(inspect.getsource(importlib.import_module(name)))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            most = 60 if isinstance(node, ast.ClassDef) or name.startswith("course_lib.checks.") else 40
            assert node.end_lineno - node.lineno < most, f"{node.name} is too long"


def test_nothing_imports_the_leaves():
    for name in MODULES:
        tree = ast.parse(inspect.getsource(importlib.import_module(name)))
        imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        imported |= {
            f"{node.module}.{a.name}" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for a in node.names
        }
        for leaf in LEAVES:
            others = [other for other in imported if other.startswith(leaf) and not name.startswith(leaf)]
            assert set(others) <= {f"course_lib.checks.progress{end}" for end in ("", ".passed", ".record_passed")}, (
                name
            )


def test_importing_prints_nothing_and_needs_no_data(tmp_path):
    code = "import " + ", ".join(MODULES)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_text_files_are_utf8_with_lf_and_name_no_machine():
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in listed.stdout.splitlines():
        data = (PROJECT / name).read_bytes()
        if not name.endswith((".png", ".safetensors")):
            assert b"\r\n" not in data and data.decode("utf-8").count(str(PROJECT)) == 0, name
