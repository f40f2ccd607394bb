"""The server beside the bare loop, for one client and for eight at once: see tests/bench.py."""

import copy
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import openai
import uvicorn

from course_lib.generation import GenerationConfig, generate
from course_lib.gpt import ModernGPT
from course_lib.pretrained import chat_tokens, load_smollm2
from course_lib.quantisation import quantise_dynamically
from course_lib.serving import ServingConfig, create_app
from course_lib.tokenizers import Tokenizer

CLIENTS, NEW = 8, 24
ASKED = [{"role": "user", "content": "Tell me about the sea."}]


def serving() -> Iterator[tuple[str, Callable, Callable]]:
    """24 greedy tokens of SmolLM2 for each client, in float32 and in 8 bits.

    First one client beside the bare loop; then eight clients at once beside the same server asked eight times in turn.
    """
    model, tokenizer = load_smollm2()
    eight_bits = copy.deepcopy(model)
    quantise_dynamically(eight_bits)
    config = GenerationConfig(max_new_tokens=NEW, temperature=0)
    for name, served in (("float32", model), ("8 bits", eight_bits)):
        with _server(served, tokenizer) as client:
            ask = partial(client.chat.completions.create, model="course", messages=ASKED, max_tokens=NEW, temperature=0)
            alone = partial(generate, served, [chat_tokens(tokenizer, ASKED)], config)
            yield f"one, {name}", ask, alone
            yield f"eight, {name}", partial(_at_once, ask), partial(_in_turn, ask)


serving.rounds = 5


@contextmanager
def _server(model: ModernGPT, tokenizer: Tokenizer) -> Iterator[openai.OpenAI]:
    app = create_app(model, tokenizer, ServingConfig())
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="any", max_retries=0)
    finally:
        server.should_exit = True
        thread.join()


def _at_once(ask: Callable) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda _: ask(), range(CLIENTS)))


def _in_turn(ask: Callable) -> None:
    for _ in range(CLIENTS):
        ask()
