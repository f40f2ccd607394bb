"""Settings of nbgrader for this folder, which is the teacher's alone: hidden_seed.txt must not reach a student.

Run nbgrader in this folder, installed beside the course: PATH_OF_THE_COURSE/.venv/bin/nbgrader autograde ASSIGNMENT.
"""

from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.preprocessors import ClearSolutions, Execute, NbGraderPreprocessor
from traitlets import Float, Integer

from classroom import nbgrader_edition

c = get_config()


class KeepStubs(ClearSolutions):
    """A stub of the course stays as it is; only what is between a teacher's own marks gives way to nbgrader's stub."""

    def preprocess_cell(self, cell, resources, cell_index):
        if self.begin_solution_delimeter not in cell.source:
            return cell, resources
        return super().preprocess_cell(cell, resources, cell_index)


class Judge(NbGraderPreprocessor):
    """In place of Execute: the course's checks judge each answer in a process of its own, and no other cell is run."""

    seed = Integer(help="of the hidden cases").tag(config=True)
    seconds = Float(120, help="for one answer and its check").tag(config=True)

    def preprocess(self, nb, resources):
        about = resources["nbgrader"]
        with Gradebook(about["db_url"]) as gradebook:
            cells = gradebook.find_notebook(about["notebook"], about["assignment"]).grade_cells
            points = {cell.name: cell.max_score for cell in cells}
        nbgrader_edition.judge(nb, about["notebook"], points, self.seed, self.seconds)
        return nb, resources


def instead(preprocessors, new, old):
    return [new if one is old else one for one in preprocessors]


c.CourseDirectory.course_id = "language_models"
c.Judge.seed = int(Path(__file__).with_name("hidden_seed.txt").read_text(encoding="utf-8"))
c.GenerateAssignment.preprocessors = instead(GenerateAssignment.preprocessors.default(), KeepStubs, ClearSolutions)
c.Autograde.autograde_preprocessors = instead(Autograde.autograde_preprocessors.default(), Judge, Execute)
