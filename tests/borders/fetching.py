"""Borders of `data.fetch`; `installing` and `console`, which take nothing from a reader."""

from course_lib.data import fetch

from borders import Border

BORDERS = [
    Border("data.fetch", "one name", lambda: fetch("cmudict"), "names must be several texts, but it is one, 'cmudict'"),
    Border("data.fetch", "an unknown name", lambda: fetch(["cmudic"]), "must be one of", ValueError),
    Border("data.fetch", "no name", lambda: fetch([None]), "names[0] must be a string, but it is None"),
]
NOTHING = {
    "data.DataError": "an error",
    "data.status": "takes nothing",
    "installing.PipError": "an error",
    "installing.pip_environment": "called by course.py and `data` only, with a path of theirs",
    "installing.why_pip_failed": "called by course.py and `data` only, with pip's words",
    "console.replace_unprintable": "takes nothing",
    "console.say": "prints any text",
}
