"""What a reader can get wrong is answered in one sentence: the table in tests/borders, tried and held complete."""

import importlib
import pkgutil

import jaxtyping
import pytest
from borders import borders, nothing

import course_lib


@pytest.fixture(autouse=True)
def without_checked_annotations():
    """As in a reader's notebook: the tests' check of annotations would answer first."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.parametrize("border", [pytest.param(one, id=f"{one.of}: {one.mistake}") for one in borders()])
def test_a_mistake_is_answered_in_one_sentence(border):
    with pytest.raises(border.error) as raised:
        border.call()
    said = str(raised.value)
    assert border.says in said
    assert "\n" not in said and len(said) < 400, said


def public_names():
    """What the library and the speed run offer, by the shortest path: the names of packages and of single modules."""
    modules = [f"course_lib.{module.name}" for module in pkgutil.iter_modules(course_lib.__path__)]
    for module in [*modules, "experiments.speed_run"]:
        for name in getattr(importlib.import_module(module), "__all__", []):
            yield f"{module.rpartition('.')[2]}.{name}"


def test_no_public_name_is_forgotten():
    names, told = set(public_names()), {border.of for border in borders()}
    known = told | {".".join(one.split(".")[:2]) for one in told} | nothing().keys()
    assert not names - known, sorted(names - known)
    assert not nothing().keys() - names, "no longer public"
    assert not nothing().keys() & told, "has rows, and a reason for none"
