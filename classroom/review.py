"""`course.py progress`: what has passed, notebook by notebook and by skill, and mistakes that come back for review."""

import argparse
import sys
from collections.abc import Callable

from classroom.notebooks import exercises, notebooks, read, skills
from classroom.progress import due, passed, reviewed

__all__ = ["page", "review"]


def page() -> str:
    """The progress as plain text."""
    solved, lines = passed(), []
    for path in notebooks():
        done = [exercise.id in solved for exercise in exercises(read(path))]
        lines.append(f"{path.stem:28} {'▰' * sum(done)}{'▱' * (len(done) - sum(done))} {sum(done)} of {len(done)}")
    table = [line.strip("| ").replace(" | ", ": ", 1) for line in skills().splitlines()[2:]]
    waiting = len(due())
    back = f"{waiting} to review: add --review" if waiting else "nothing to review today"
    return "\n".join([*lines, "", *table, "", back])


def review(ask: Callable[[str], str] = input) -> int:
    """Show each mistake that is due, one after the other, and ask whether the reader can explain it.

    Returns how many were shown. An empty answer puts the rest off.
    """
    shown = 0
    for mistake in due():
        print(f"\n{mistake.exercise}\nOnce, the check said of your answer: {mistake.words}")
        print("Say aloud what was wrong with it, and how you would notice it in other code.")
        answer = ask("Could you? y, n, or Enter to stop: ").strip().lower()
        if not answer:
            break
        shown += 1
        problem = reviewed(mistake, well=answer.startswith("y"))
        if problem:
            print(problem)
        elif not answer.startswith("y"):
            slug = mistake.exercise.partition(".")[0]
            print(f"It comes back tomorrow. The exercise is in the notebook {slug}.")
    return shown


def main(arguments: list[str]) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="course.py progress", description="Show what has passed.")
    parser.add_argument("--review", action="store_true", help="go through the mistakes that are due")
    if not parser.parse_args(arguments).review:
        print(page())
        return 0
    try:
        print("\nThat is all for today." if review() or not due() else "")
    except (EOFError, KeyboardInterrupt):
        print("\nThe rest waits.")
    return 0


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):  # a console may lack the characters of the bars
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main(sys.argv[1:]))
