"""A `matplotlibrc` with `text.usetex: True`, on a machine without LaTeX: the course's plots are drawn all the same."""

import importlib.util
import os
import shutil
import subprocess
import sys

import matplotlib.pyplot as plt
import nbformat
import pytest
from nbclient import NotebookClient

from course_lib import PROJECT, plotting

PLOTS = """
from course_lib import plotting
import matplotlib.pyplot as plt
assert plt.rcParams["text.usetex"]
_, (left, right) = plt.subplots(1, 2)
plotting.bars(["a_b", "100%"], [1, 2], title="50% of_it", xlabel="#", ax=left)
plotting.attention_map([[1.0]], ["a_"], ["%"], title="50%", ax=right)
left.figure.savefig("both.png")
plotting.curves({"a_b": ([0, 1], [1, 2])}, title="50%", xlabel="_", ylabel="&").figure.savefig("one.png")
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("where", ["working directory", "home"])
def test_plots_of_the_library(folder, tmp_path_factory, where):
    working = folder if where == "working directory" else tmp_path_factory.mktemp("working")
    path = [str(PROJECT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "MPLBACKEND": "agg", "PATH": "", "PYTHONPATH": os.pathsep.join(path)}
    environment |= {} if working == folder else {"MPLCONFIGDIR": str(folder)}
    done = subprocess.run([sys.executable, "-c", PLOTS], env=environment, cwd=working, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (working / "both.png").stat().st_size and (working / "one.png").stat().st_size


def test_a_readers_own_style_stays(monkeypatch):
    with plt.rc_context({"text.usetex": True, "font.size": 17, "axes.facecolor": "yellow"}):
        ax = plotting.bars(["a"], [1], title="t", xlabel="x")
        assert plt.rcParams["font.size"] == 17 and ax.get_facecolor() == (1, 1, 0, 1)
        plt.close(ax.figure)


@pytest.mark.slow
def test_a_plot_of_a_notebooks_own(folder, monkeypatch):
    spec = importlib.util.spec_from_file_location("course", PROJECT / "course.py")
    course = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(course)
    monkeypatch.setattr(course, "VENV", folder / "venv")
    course.kernel_settings()
    profile = folder / "ipython" / "profile_default"  # where a kernel looks as it does in its environment's etc/
    profile.mkdir(parents=True)
    shutil.copy(folder / "venv" / "etc" / "ipython" / "ipython_kernel_config.py", profile)
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
    monkeypatch.delenv("MPLBACKEND", raising=False)
    cell = nbformat.v4.new_code_cell("import matplotlib.pyplot as plt\nplt.figure().add_subplot().set_title('50%')")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    assert ["image/png" in output.get("data", {}) for output in cell.outputs] == [False, True]
