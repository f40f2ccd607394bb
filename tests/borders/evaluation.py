"""Borders of `evaluation` and `sandbox`."""

import math

from course_lib.sandbox import run_code

from borders import Border


def rows(of, *mistakes):
    return [Border(of, mistake, call, says) for mistake, call, says in mistakes]


BORDERS = [
    *rows(
        "sandbox.run_code",
        ("bytes", lambda: run_code(b"1"), "code must be a string, but it is b'1'"),
        ("several programs", lambda: run_code(["1", "2"]), "code must be a string, but it is ['1', '2']"),
        ("half a character", lambda: run_code("'\ud800'"), "code must consist of characters"),
        ("no time", lambda: run_code("1", seconds=0), "seconds must be above 0 and at most 3600, but it is 0"),
        ("endless time", lambda: run_code("1", seconds=math.inf), "seconds must be above 0 and at most 3600"),
        ("no memory", lambda: run_code("1", megabytes=1), "megabytes must be at least 32, but it is 1"),
        ("gigabytes", lambda: run_code("1", megabytes=0.5), "megabytes must be an integer, but it is 0.5"),
        ("no files", lambda: run_code("1", file_megabytes=0), "file_megabytes must be at least 1, but it is 0"),
    ),
]
NOTHING = {"sandbox.Verdict": "made by run_code"}
