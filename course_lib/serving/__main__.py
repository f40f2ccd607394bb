"""`python -m course_lib.serving` serves SmolLM2, or with --model the model of a training folder's or a GGUF file.

    curl http://127.0.0.1:8000/v1/completions -H "Content-Type: application/json" \
        -d '{"model": "course", "prompt": "To be", "max_tokens": 20}'

With COURSE_SERVER_TOKEN in the environment, requests must bring that token. Ctrl+C lets the answers that were begun
come to their end.
"""

import argparse
import os
import sys
from collections.abc import Sequence

import uvicorn

from course_lib.console import replace_unprintable, say
from course_lib.data import DataError
from course_lib.model_files import load_model
from course_lib.pretrained import load_gguf, load_smollm2
from course_lib.serving.app import LOCAL, ServingConfig, create_app

HELP = {
    "name": "what requests call the model",
    "rows": "answers written at a time",
    "waiting": "requests that may wait",
}
HELP |= {"max_tokens": "of an answer", "seconds": "after which an answer ends"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, or 1 where the server could not start."""
    replace_unprintable()
    parser = argparse.ArgumentParser(prog="python -m course_lib.serving", description="Serve a model over HTTP.")
    parser.add_argument("--model", help="a .safetensors file of the course, or a .gguf file (default: SmolLM2)")
    parser.add_argument("--host", default=LOCAL[0], help="%(default)s is this machine alone")
    parser.add_argument("--port", type=int, default=8000, help="(default: %(default)s)")
    for name, text in HELP.items():
        default = getattr(ServingConfig, name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default, help=text)
    given = parser.parse_args(arguments)
    try:
        settings = {name: getattr(given, name) for name in HELP}
        config = ServingConfig(token=os.environ.get("COURSE_SERVER_TOKEN") or None, **settings)
        if config.token is None and given.host not in (*LOCAL, "::1"):
            raise ValueError(f"{given.host} can be reached by others: set COURSE_SERVER_TOKEN to a secret first")
        app = create_app(*_loaded(given.model), config)
    except (ValueError, OSError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    say(f"serving {config.name!r} at http://{given.host}:{given.port}/v1")
    uvicorn.run(app, host=given.host, port=given.port, log_level="warning")
    return 0


def _loaded(path: str | None) -> tuple:
    if path is None:
        return load_smollm2()
    model, tokenizer = load_gguf(path) if path.endswith(".gguf") else load_model(path)
    if tokenizer is None:
        raise ValueError(f"{path} has no tokenizer")
    return model, tokenizer


if __name__ == "__main__":
    sys.exit(main())
