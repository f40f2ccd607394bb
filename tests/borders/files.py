"""Borders of `files`, and of `validation`."""

from pathlib import Path

from course_lib import validation
from course_lib.files import existing_file, load_results, written_whole

from borders import Border

HERE = Path(__file__)


def written(path):
    with written_whole(path) as file:
        file.write(b"text")


BORDERS = [
    Border("files.written_whole", "a folder", lambda: written(HERE.parent), "must name a file, not a folder"),
    Border("files.written_whole", "no path", lambda: written(None), "must be a string or a pathlib.Path, but it is None"),
    Border("files.written_whole", "an empty path", lambda: written(""), "must be a string or a pathlib.Path"),
    Border("files.existing_file", "a folder", lambda: existing_file(HERE.parent, "text"), "must name a text, not a folder"),
    Border(
        "files.existing_file",
        "a missing file",
        lambda: existing_file(HERE.with_name("none"), "text"),
        "there is no text",
        FileNotFoundError,
    ),
    Border("files.load_results", "no name", lambda: load_results(None), "name must be a string, but it is None"),
    Border("files.load_results", "an unknown name", lambda: load_results("none"), "is missing", FileNotFoundError),
]
NOTHING = {
    **dict.fromkeys((f"validation.{name}" for name in validation.__all__), "tested in test_validation.py"),
    "files.RESULTS": "a path",
    "files.path_in_environment": "tested in test_files.py, as it reads the environment",
}
