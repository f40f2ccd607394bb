"""`python -m experiments` lists what can be made; with a NAME it makes data/results/NAME.json, or goes on with it."""

import sys
from functools import partial

from experiments.shared import finish
from experiments.tables import make, names


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0; 1 where a file could not be written; 2 for a wrong word; 130 after Ctrl-C."""
    if not arguments:
        print("\n".join(names()))
        return 0
    if wrong := [name for name in arguments if name not in names()]:  # before hours of work on the others
        print(f"no results are called {wrong[0]!r}; there are {', '.join(names())}", file=sys.stderr)
        return 2
    for name in arguments:
        if code := finish(partial(make, name)):
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
