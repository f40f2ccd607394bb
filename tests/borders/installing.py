"""No borders: `installing` and `console` take nothing from a reader."""

BORDERS = []
NOTHING = {
    "installing.PipError": "an error",
    "installing.pip_environment": "called by course.py and `data` only, with a path of theirs",
    "installing.why_pip_failed": "called by course.py and `data` only, with pip's words",
    "console.replace_unprintable": "takes nothing",
    "console.say": "prints any text",
}
