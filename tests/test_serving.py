"""The server by OpenAI's own client: the same texts as without it, limits, load, cancelled requests, the end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import openai
import pytest
import torch
import uvicorn
from helpers import enlarge
from torch import Generator

from course_lib.generation import Answer, GenerationConfig, answers, generate_text
from course_lib.generation.decoding import Task
from course_lib.gpt import GPT, GPTConfig, ModernGPT, ModernGPTConfig
from course_lib.model_files import save_model
from course_lib.pretrained import chat_tokens
from course_lib.recurrent import RecurrentLM, RecurrentLMConfig
from course_lib.serving import ServingConfig, create_app
from course_lib.serving.batching import Batcher, Full, Job
from course_lib.tokenizers import CharTokenizer

MARKS = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
TOKENIZER = CharTokenizer.train("abcdefghijklmnopqrstuvwxyz ,.:\nABSLMHFY", special_tokens=MARKS)
SYSTEM = {"role": "system", "content": "brief"}
HELLO = [SYSTEM, {"role": "user", "content": "hello"}]
V = TOKENIZER.vocab_size


class Slow(GPT):
    """Each step of the batch takes at least 20 milliseconds."""

    def step(self, tokens, state):
        time.sleep(0.02)
        return super().step(tokens, state)


class Failing(GPT):
    """Fails at the token "z"."""

    def step(self, tokens, state):
        if (tokens == TOKENIZER.encode("z")[0]).any():
            raise RuntimeError("out of memory")
        return super().step(tokens, state)


def gpt(kind=GPT, context_length=200):
    torch.manual_seed(3)
    config = ModernGPTConfig if kind is ModernGPT else GPTConfig
    return enlarge(kind(config(vocab_size=V, context_length=context_length, d_model=16, n_layers=2, n_heads=4))).eval()


def recurrent():
    torch.manual_seed(3)
    return RecurrentLM(RecurrentLMConfig(vocab_size=V, d_embed=5, d_hidden=7)).eval()


@contextmanager
def served(model=None, **limits):
    """The address of a server, and the server."""
    app = create_app(model or gpt(), TOKENIZER, ServingConfig(**limits))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", server
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def url():
    with served() as (url, _):
        yield url


BODY = {"model": "course", "prompt": "a", "temperature": 0}


def client(url, token="none"):
    return openai.OpenAI(base_url=f"{url}/v1", api_key=token, max_retries=0, timeout=30)


def completed(url, prompt, max_tokens=12, **options):
    return client(url).completions.create(
        model="course", prompt=prompt, max_tokens=max_tokens, **{"temperature": 0, **options}
    )


def alone(prompt, n=12, model=None, **options):
    config = GenerationConfig(max_new_tokens=n, temperature=0, end_token=TOKENIZER.encode(MARKS[2], special=True)[0])
    return generate_text(model or gpt(), TOKENIZER, [prompt], config, **options)[0]


def metric(url, name):
    found = re.search(rf"^{re.escape(name)} (\S+)$", httpx.get(f"{url}/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def until(holds):
    deadline = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# The batcher


def job(model, prompt, seed, **changes):
    config = GenerationConfig(**changes)
    return Job(task=Task.of("prompts", model, [prompt], config), config=config, generator=Generator().manual_seed(seed))


@pytest.mark.parametrize("model", [gpt(), gpt(ModernGPT), recurrent()], ids=["GPT", "ModernGPT", "RecurrentLM"])
def test_a_batch_that_changes_gives_each_job_the_answer_that_it_gets_alone(model):
    batcher, jobs = Batcher(model, rows=3, waiting=20), []
    prompts = [[1, 2, 3], [4], [5, 6, 7, 8, 9], [1, 2], [9] * 11, [3], [4, 4]]
    for index, prompt in enumerate(prompts):
        changes = {"max_new_tokens": 3 + 4 * (index % 3), "temperature": index % 2, "end_token": 7}
        jobs.append(job(model, prompt, index, **changes))
        batcher.submit(jobs[-1])
    batcher.close()
    for index, (one, prompt) in enumerate(zip(jobs, prompts, strict=True)):
        [expected] = answers(model, [prompt], one.config, Generator().manual_seed(index))
        assert (one.answer.tokens, one.answer.reason) == (expected.tokens, expected.reason)
        assert one.answer.log_probabilities == pytest.approx(expected.log_probabilities, abs=1e-4)
    assert not batcher.groups and not batcher.queue


def test_jobs_beyond_the_places_are_refused_and_those_that_end_make_room():
    model = gpt(Slow)
    batcher = Batcher(model, rows=1, waiting=1)
    first, second, third = (job(model, [1], 0, max_new_tokens=150) for _ in range(3))
    batcher.submit(first)
    until(batcher.running)
    batcher.submit(second)
    with pytest.raises(Full):
        batcher.submit(third)
    batcher.end(second, "cancelled")
    batcher.submit(third)
    batcher.end(first, "cancelled")
    until(lambda: third.answer.tokens)
    batcher.end(third, "cancelled")
    batcher.close()
    assert second.answer == Answer(reason="cancelled")
    with pytest.raises(Full):
        batcher.submit(job(model, [1], 0))


# What a client sees


def test_texts_are_those_of_generate_text(url):
    found = completed(url, "to be")
    assert found.choices[0].text == alone("to be")
    assert (found.object, found.model, found.choices[0].finish_reason) == ("text_completion", "course", "length")
    assert (found.usage.prompt_tokens, found.usage.completion_tokens, found.usage.total_tokens) == (5, 12, 17)
    sampled = [completed(url, "to be", temperature=1, seed=seed).choices[0].text for seed in (1, 1, 2)]
    assert sampled[0] == sampled[1] != sampled[2]
    assert [model.id for model in client(url).models.list()] == ["course"]


def test_a_chat_has_the_conversations_tokens_before_it(url):
    found = client(url).chat.completions.create(model="course", messages=HELLO, max_completion_tokens=9, temperature=0)
    config = GenerationConfig(max_new_tokens=9, temperature=0, end_token=TOKENIZER.encode(MARKS[1], special=True)[0])
    [expected] = generate_text(gpt(), TOKENIZER, [chat_tokens(TOKENIZER, HELLO)], config)
    assert (found.choices[0].message.content, found.choices[0].message.role) == (expected, "assistant")
    assert (found.object, found.usage.prompt_tokens) == ("chat.completion", len(chat_tokens(TOKENIZER, HELLO)))


def test_pieces_together_are_the_whole_answer(url):
    pieces = list(completed(url, "to be", stream=True))
    assert "".join(piece.choices[0].text for piece in pieces) == alone("to be")
    assert 3 < len(pieces) <= 12  # what comes while a piece is sent goes with the next
    assert [piece.choices[0].finish_reason for piece in pieces] == [None] * (len(pieces) - 1) + ["length"]
    chunks = list(
        client(url).chat.completions.create(model="course", messages=HELLO, max_tokens=9, temperature=0, stream=True)
    )
    whole = client(url).chat.completions.create(model="course", messages=HELLO, max_tokens=9, temperature=0)
    assert "".join(chunk.choices[0].delta.content for chunk in chunks) == whole.choices[0].message.content
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}


@pytest.mark.parametrize("stream", [False, True])
def test_a_stop_string_ends_the_answer(url, stream):
    stop = alone("to be")[4:6]
    found = completed(url, "to be", stop=[stop, "@"], stream=stream)
    choices = [piece.choices[0] for piece in found] if stream else found.choices
    assert "".join(choice.text for choice in choices) == alone("to be", stop=stop)
    assert choices[-1].finish_reason == "stop"


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("completions", {"prompt": ""}, "a completion needs a prompt, one text, but it is ''"),
        ("completions", {"prompt": ["a", "b"]}, "prompt: Input should be a valid string"),
        ("completions", {"prompt": "é"}, "'é'"),
        ("completions", {"prompt": "a" * 201}, "must fit into the model's context, 200 tokens"),
        ("completions", {"prompt": "a", "max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
        ("completions", {"prompt": "a", "temperature": -1}, "temperature: Input should be greater than or equal to 0"),
        ("completions", {"prompt": "a", "stop": ""}, "a stop string must hold at least one character"),
        ("completions", {"prompt": "a", "n": 2}, "n: Input should be 1"),
        ("completions", {"prompt": "a", "logprobs": 3}, "logprobs: Extra inputs are not permitted"),
        ("completions", [], "the body: "),
        ("chat/completions", {"messages": []}, "a conversation must be a list of one or more messages"),
        ("chat/completions", {"messages": [{"role": "boss", "content": "a"}]}, "a message must have a role"),
        ("chat/completions", {"messages": HELLO, "prompt": "a"}, "a chat needs messages, and no prompt"),
    ],
)
def test_a_bad_request_is_answered_in_one_sentence(url, path, body, says):
    body = {"model": "course"} | body if isinstance(body, dict) else body
    response = httpx.post(f"{url}/v1/{path}", json=body)
    message = response.json()["error"]["message"]
    assert response.status_code == 400
    assert says in message and "\n" not in message and len(message) < 300


def test_what_is_not_there_and_what_is_no_json(url):
    assert httpx.get(f"{url}/v1/engines").status_code == 404
    assert httpx.get(f"{url}/v1/completions").status_code == 405
    assert httpx.post(f"{url}/v1/completions", json={"model": "gpt-4", "prompt": "a"}).status_code == 404
    headers = {"Content-Type": "application/json"}
    broken = httpx.post(f"{url}/v1/completions", content=b'{"model": ', headers=headers)
    assert broken.status_code == 400 and broken.json()["error"]["message"]
    with pytest.raises(openai.BadRequestError, match="must fit into the model's context"):
        completed(url, "a" * 201)


def test_requests_without_a_length_too_long_or_to_another_name_are_refused_unread(url):
    long = httpx.post(f"{url}/v1/completions", json={"model": "course", "prompt": "a" * 1_000_000})
    unknown = httpx.post(f"{url}/v1/completions", content=iter([b"{}"]), headers={"Content-Type": "application/json"})
    assert (long.status_code, unknown.status_code) == (413, 413)
    elsewhere = httpx.get(f"{url}/v1/models", headers={"Host": "evil.example"})
    assert elsewhere.status_code == 403 and "localhost only" in elsewhere.json()["error"]["message"]


def test_the_token_is_asked_for():
    with served(token="secret") as (url, _):
        with pytest.raises(openai.AuthenticationError, match="must be Bearer and the server's token"):
            client(url, "guess").models.list()
        assert list(client(url, "secret").models.list())
        named = httpx.get(f"{url}/v1/models", headers={"Host": "course.example", "Authorization": "Bearer secret"})
        assert named.status_code == 200
        assert httpx.get(f"{url}/metrics").status_code == 401
        assert httpx.get(f"{url}/health").json() == {"status": "ok"}


# Limits and load


def test_no_request_is_lost_under_load():
    with served(rows=4, waiting=40) as (url, _):
        prompts = [letter * (1 + index % 5) for index, letter in enumerate("abcdefghijklmnopqrstuvwx")]

        def ask(index):
            options = {"max_tokens": 5 + index % 7, "stream": index % 2 == 0}
            found = completed(url, prompts[index], **options)
            return "".join(piece.choices[0].text for piece in found) if index % 2 == 0 else found.choices[0].text

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(ask, range(len(prompts))))
        assert found == [alone(prompt, 5 + index % 7) for index, prompt in enumerate(prompts)]
        ended = sum(metric(url, f'requests_total{{outcome="{reason}"}}') for reason in ("max_new_tokens", "end token"))
        assert ended == len(prompts)
        assert metric(url, "tokens_total") == sum(map(len, found))
        assert metric(url, "requests_running") == metric(url, "requests_waiting") == 0


def test_overload_is_answered_with_429_and_what_was_taken_is_served():
    with served(gpt(Slow), rows=1, waiting=1) as (url, _), ThreadPoolExecutor(2) as pool:
        first = pool.submit(completed, url, "a", 40)
        until(lambda: metric(url, "requests_running") == 1)
        second = pool.submit(completed, url, "b", 5)
        until(lambda: metric(url, "requests_waiting") == 1)
        with pytest.raises(openai.RateLimitError, match="the server is busy"):
            completed(url, "c")
        assert first.result().choices[0].text == alone("a", 40)
        assert second.result().choices[0].text == alone("b", 5)
        assert completed(url, "c", 3).choices[0].text == alone("c", 3)
        assert metric(url, 'requests_total{outcome="429"}') == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_that_nobody_waits_for_frees_its_place(stream):
    with served(gpt(Slow), rows=1, waiting=0, seconds=30) as (url, _):
        if stream:
            pieces = completed(url, "a", 190, stream=True)
            next(iter(pieces))
            pieces.close()
        else:
            with pytest.raises(openai.APITimeoutError):
                client(url).with_options(timeout=0.3).completions.create(**{**BODY, "max_tokens": 190})
        until(lambda: metric(url, 'requests_total{outcome="cancelled"}') == 1)
        assert completed(url, "b", 3).choices[0].text == alone("b", 3)


def test_an_answer_ends_when_its_time_is_over_and_at_the_servers_length():
    with served(gpt(Slow), seconds=0.4, max_tokens=150) as (url, _):
        found = completed(url, "a", 150)
        assert found.choices[0].finish_reason == "length" and 0 < found.usage.completion_tokens < 50
        assert alone("a", 150).startswith(found.choices[0].text)
    with served(max_tokens=4) as (url, _):
        assert completed(url, "a", 99).usage.completion_tokens == 4


def test_the_server_goes_on_after_the_model_has_failed():
    with served(gpt(Failing)) as (url, _):
        with pytest.raises(openai.InternalServerError, match="the model failed"):
            completed(url, "az")
        assert completed(url, "a", 1).choices[0].text == alone("a", 1)


def test_a_server_that_is_shut_down_finishes_what_it_began():
    with ThreadPoolExecutor(1) as pool:
        with served(gpt(Slow)) as (url, server):
            answer = pool.submit(completed, url, "a", 30)
            until(lambda: metric(url, "requests_running") == 1)
            server.should_exit = True
        assert answer.result().choices[0].text == alone("a", 30)


# The command


def run(*arguments, **environment):
    command = [sys.executable, "-m", "course_lib.serving", *arguments]
    environment = os.environ | {"COURSE_SERVER_TOKEN": ""} | environment
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_the_command_serves_a_models_file_until_it_is_stopped(tmp_path):
    save_model(tmp_path / "tiny.safetensors", gpt(), TOKENIZER)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = run("--model", str(tmp_path / "tiny.safetensors"), "--port", str(port), "--name", "tiny")
    try:
        assert process.stdout.readline() == f"serving 'tiny' at http://127.0.0.1:{port}/v1\n"
        until(lambda: _healthy(port))
        body = {"model": "tiny", "prompt": "a", "max_tokens": 3, "temperature": 0}
        found = httpx.post(f"http://127.0.0.1:{port}/v1/completions", json=body)
        assert json.loads(found.text)["choices"][0]["text"] == alone("a", 3)
    finally:
        process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")


def _healthy(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--host", "0.0.0.0"], "error: 0.0.0.0 can be reached by others: set COURSE_SERVER_TOKEN to a secret first\n"),
        (["--rows", "0"], "error: rows must be at least 1, but it is 0\n"),
        (["--model", "nowhere.safetensors"], "error: there is no "),
    ],
)
def test_the_command_says_in_one_line_why_it_cannot_start(arguments, says, capsys, monkeypatch):
    from course_lib.serving.__main__ import main

    monkeypatch.delenv("COURSE_SERVER_TOKEN", raising=False)
    assert main(arguments) == 1
    assert capsys.readouterr().err.startswith(says)
