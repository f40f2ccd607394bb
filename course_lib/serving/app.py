"""The server's paths: chat and text completions by OpenAI's protocol, health, and metrics for Prometheus.

Nothing of a prompt or an answer is logged or kept.
"""

import asyncio
import json
import math
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from pydantic import BaseModel, Field
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from torch import Generator

from course_lib.generation import Decoder, GenerationConfig
from course_lib.generation.decoding import Task
from course_lib.generation.text import certain, require_alike, stop_strings, stopping
from course_lib.pretrained import chat_tokens
from course_lib.serving.batching import Batcher, Full, Job
from course_lib.tokenizers import Tokenizer
from course_lib.validation import require, require_integer, require_number, require_sizes, text_of

__all__ = ["ServingConfig", "create_app"]

LOCAL = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, kw_only=True)
class ServingConfig:
    """A server's limits. Raises ValueError for a value out of range."""

    name: str = "course"  # of the model, which each request gives
    token: str | None = None  # asked for as "Authorization: Bearer ..."; None: only requests to localhost are answered
    rows: int = 8  # answers written at a time
    waiting: int = 32  # further requests that may wait; those beyond them are refused with 429
    max_tokens: int = 512  # of an answer
    max_bytes: int = 1_000_000  # of a request
    seconds: float | int = 60  # after which an answer ends with what there is

    def __post_init__(self) -> None:
        require(text_of("name", self.name), "name must hold at least one character", self.name)
        require(self.token is None or text_of("token", self.token), "token must be None or a text", self.token)
        require_sizes(self, "rows", "max_tokens", "max_bytes")
        require_integer("waiting", self.waiting, at_least=0)
        require_number("seconds", self.seconds, above=0, below=math.inf)


class Body(BaseModel, extra="forbid"):
    """What a request may hold. All else is refused, so that nothing asked for is silently left out."""

    model: str
    prompt: str | None = None
    messages: list[dict[str, str]] | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float = Field(1, ge=0, le=2)
    top_p: float = Field(1, gt=0, le=1)
    stop: str | list[str] = Field([], max_length=64)
    seed: int | None = Field(None, ge=0, lt=2**63)
    stream: bool = False
    n: Literal[1] = 1
    user: str | None = None


def create_app(model: Decoder, tokenizer: Tokenizer, config: ServingConfig | None = None) -> FastAPI:
    """The server of a model, an ASGI application; when it is shut down, it ends the answers that it has begun.

    Raises ValueError for a model without `start` and `step`, and for a tokenizer with more tokens than its vocabulary.
    """
    config = config or ServingConfig()
    require(isinstance(config, ServingConfig), "config must be a ServingConfig", config)
    require_alike(model, tokenizer, GenerationConfig())
    server = Server(model, tokenizer, config)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(server.batcher.close)

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    app.add_middleware(Gate, server=server)
    for kind in (HTTPException, RequestValidationError, ValueError, Full):
        app.add_exception_handler(kind, server.refusal)
    data = [{"id": config.name, "object": "model", "created": 0, "owned_by": "course"}]
    app.add_api_route("/health", lambda: {"status": "ok"})
    app.add_api_route("/v1/models", lambda: {"object": "list", "data": data})
    app.add_api_route("/metrics", lambda: PlainTextResponse(generate_latest(server.registry)))
    app.add_api_route("/v1/completions", server.completion, methods=["POST"], response_model=None)
    app.add_api_route("/v1/chat/completions", server.chat, methods=["POST"], response_model=None)
    return app


class Gate:
    """Refuses a request before its body is read: without the token, of unknown length, or to another host's name.

    A page on the web can give 127.0.0.1 a name of its own, so without a token the name is looked at.
    """

    def __init__(self, app: Any, server: "Server") -> None:
        self.app, self.server = app, server

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        app = self.app
        if scope["type"] == "http" and (refused := self._refused(scope, Headers(scope=scope))):
            app = await self.server.refusal(None, HTTPException(*refused))
        await app(scope, receive, send)

    def _refused(self, scope: Any, headers: Headers) -> tuple[int, str] | None:
        config, length, host = self.server.config, headers.get("content-length", ""), headers.get("host", "")
        if config.token is None:
            if host not in LOCAL and host.rpartition(":")[0] not in LOCAL:
                return 403, "without a token, this server answers requests to localhost only"
        elif scope["path"] != "/health":
            given = headers.get("authorization", "").encode()
            if not secrets.compare_digest(given, f"Bearer {config.token}".encode()):
                return 401, "the header Authorization must be Bearer and the server's token"
        if scope["method"] == "POST" and not (length.isdecimal() and int(length) <= config.max_bytes):
            return 413, f"a request must state its length, at most {config.max_bytes} bytes"
        return None


class Server:
    """One model, its batcher, and what is counted."""

    def __init__(self, model: Decoder, tokenizer: Tokenizer, config: ServingConfig) -> None:
        self.model, self.tokenizer, self.config = model, tokenizer, config
        self.batcher, self.registry = Batcher(model, rows=config.rows, waiting=config.waiting), CollectorRegistry()
        self.ended = Counter("requests", "Requests, by how they ended", ["outcome"], registry=self.registry)
        self.tokens = Counter("tokens", "Tokens written", registry=self.registry)
        running = Gauge("requests_running", "Requests whose answers are being written", registry=self.registry)
        waiting = Gauge("requests_waiting", "Requests that wait", registry=self.registry)
        running.set_function(self.batcher.running)
        waiting.set_function(lambda: len(self.batcher.queue))

    async def refusal(self, _: Any, error: Exception) -> JSONResponse:
        """An error in one sentence, as OpenAI's protocol has it."""
        status, message = getattr(error, "status_code", 400), str(getattr(error, "detail", error))
        if isinstance(error, RequestValidationError):
            first = error.errors()[0]
            message = f"{'.'.join(map(str, first['loc'][1:])) or 'the body'}: {first['msg']}"
        if isinstance(error, Full):
            status, message = 429, "the server is busy: try again later"
        self.ended.labels(str(status)).inc()
        return JSONResponse({"error": {"message": message, "type": "error", "code": status}}, status)

    async def completion(self, body: Body, request: Request) -> Response:
        """Continue a text."""
        require(body.prompt and body.messages is None, "a completion needs a prompt, one text", body.prompt)
        ids = self.tokenizer.encode(body.prompt)
        return await self._answer(body, request, ids, "<|endoftext|>", "text_completion")

    async def chat(self, body: Body, request: Request) -> Response:
        """Answer a conversation."""
        ids = chat_tokens(self.tokenizer, body.messages or [])
        require(body.prompt is None, "a chat needs messages, and no prompt", body.prompt)
        return await self._answer(body, request, ids, "<|im_end|>", "chat.completion")

    async def _answer(self, body: Body, request: Request, ids: list[int], end: str, kind: str) -> Response:
        if body.model != self.config.name:
            raise HTTPException(404, f"the model here is {self.config.name!r}")
        job, changed, loop = self._job(body, ids, end), asyncio.Event(), asyncio.get_running_loop()
        job.changed = lambda: loop.call_soon_threadsafe(changed.set)
        self.batcher.submit(job)
        pieces = _pieces(self, job, changed, body.stop, request)
        frame = {"id": secrets.token_hex(8), "created": int(time.time()), "model": self.config.name}
        if body.stream:
            return StreamingResponse(_events(job, pieces, frame, kind), media_type="text/event-stream")
        text = "".join([piece async for piece in pieces])
        if job.answer.reason == "error":
            raise HTTPException(500, "the model failed")
        counts = {"prompt_tokens": len(ids), "completion_tokens": len(job.answer.tokens)}
        usage = {"usage": counts | {"total_tokens": sum(counts.values())}}
        return JSONResponse(_message(job, text, frame, kind, "message") | usage)

    def _job(self, body: Body, ids: list[int], end: str) -> Job:
        known, seed = end in self.tokenizer.special_tokens, secrets.randbits(63) if body.seed is None else body.seed
        config = GenerationConfig(
            max_new_tokens=min(body.max_completion_tokens or body.max_tokens or 2**31, self.config.max_tokens),
            temperature=body.temperature,
            top_p=body.top_p,
            end_token=self.tokenizer.encode(end, special=True)[0] if known else None,
        )
        task = Task.of("prompts", self.model, [ids], config, self.tokenizer.vocab_size)
        stop, deadline = stopping(self.tokenizer, stop_strings(body.stop)), time.monotonic() + self.config.seconds
        return Job(task=task, config=config, generator=Generator().manual_seed(seed), stop=stop, deadline=deadline)


async def _pieces(server: Server, job: Job, changed: asyncio.Event, stop: Any, request: Request) -> AsyncIterator[str]:
    """The answer's text as it comes; where nobody waits for it any more, the job ends."""
    shown, ended, stops = "", False, stop_strings(stop)
    try:
        while not ended and not await request.is_disconnected():
            try:
                await asyncio.wait_for(changed.wait(), 0.5)
            except TimeoutError:
                continue
            changed.clear()
            ended, text = job.answer.reason is not None, certain(server.tokenizer, job.answer, stops)
            yield text[len(shown) :]
            shown = text
    finally:
        server.batcher.end(job, "cancelled")
        server.ended.labels(job.answer.reason).inc()
        server.tokens.inc(len(job.answer.tokens))


async def _events(job: Job, pieces: AsyncIterator[str], frame: dict[str, Any], kind: str) -> AsyncIterator[str]:
    async for piece in pieces:
        if piece or job.answer.reason:
            yield f"data: {json.dumps(_message(job, piece, frame, kind, 'delta'))}\n\n"
    yield "data: [DONE]\n\n"


def _message(job: Job, text: str, frame: dict[str, Any], kind: str, part: str) -> dict[str, Any]:
    """A whole answer ("message"), or a piece of one ("delta")."""
    reason = job.answer.reason and ("stop" if job.answer.reason in ("end token", "stop") else "length")
    chat = kind == "chat.completion"
    said = {part: {"role": "assistant", "content": text}} if chat else {"text": text}
    kind = f"{kind}.chunk" if chat and part == "delta" else kind
    return frame | {"object": kind, "choices": [{"index": 0, "logprobs": None, "finish_reason": reason} | said]}
