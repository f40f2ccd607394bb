"""`python -m experiments` lists what can be made; with a NAME it makes data/results/NAME.json."""

import sys

from experiments.tables import make, names


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0, or 2 for a wrong word."""
    if not arguments:
        print("\n".join(names()))
        return 0
    try:
        for name in arguments:
            print(f"written: {make(name)}")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
