"""The test server on the Python SDK, version 2: legacy sessions over SSE and protocol 2026-07-28 on one endpoint.

Usage: py2.py PORT [--fixtures]: with what the official conformance suite calls by name. Serves /mcp, and /journal: every JSON-RPC message that reached it.
"""

import json
import sys
import time
from typing import Annotated

import anyio
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.resolve import Elicit, Resolve, Sample
from mcp_types import CreateMessageResult, SamplingMessage, TextContent
from pydantic import BaseModel

server = MCPServer("client-matrix-python")
journal: list[dict[str, object]] = []


class Sum(BaseModel):
    sum: float


class Colour(BaseModel):
    answer: str


def ask_model(topic: str) -> Sample:
    question = SamplingMessage(role="user", content=TextContent(type="text", text=f"Say something about {topic}."))
    return Sample([question], max_tokens=100)


def ask_person() -> Elicit[Colour]:
    return Elicit("Which colour?", Colour)


@server.tool(structured_output=False)
def echo(text: str) -> str:
    """Returns its text."""
    return text


@server.tool()
def add(a: float, b: float) -> Sum:
    """Adds two numbers; has an output schema."""
    return Sum(sum=a + b)


@server.tool(structured_output=False)
def create_refund(amount: float, currency: str) -> str:
    """Pays money back."""
    return f"refunded {amount:g} {currency}"


@server.tool(structured_output=False)
def delete_everything() -> str:
    """Must never run behind the gate."""
    return "everything is gone"


@server.tool(structured_output=False)
async def slow_progress(steps: int, gap_ms: int, ctx: Context) -> str:
    """Reports progress; each message is the time it was sent, in milliseconds since the epoch."""
    for step in range(1, steps + 1):
        await ctx.report_progress(step, steps, f"{time.time() * 1000:.1f}")
        await anyio.sleep(gap_ms / 1000)
    return f"{steps} steps"


@server.tool(structured_output=False)
def sample(topic: str, reply: Annotated[CreateMessageResult, Resolve(ask_model)]) -> str:
    """Asks the client's model."""
    return f"the model said: {reply.content.text}"


@server.tool(structured_output=False)
def elicit(reply: Annotated[Colour, Resolve(ask_person)]) -> str:
    """Asks the client's user."""
    return f"the user said: {reply.answer}"


class Journal:
    """Keeps what arrived at /mcp, and answers /journal: GET reads it, DELETE empties it."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if scope["path"] == "/journal":
            return await self.answer(scope, send)
        body, more = b"", scope["method"] == "POST"
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if body:
            record(body)
        pending = [{"type": "http.request", "body": body, "more_body": False}] if scope["method"] == "POST" else []

        async def replay():
            return pending.pop() if pending else await receive()

        await self.app(scope, replay, send)

    async def answer(self, scope, send):
        body = json.dumps(journal).encode()
        if scope["method"] == "DELETE":
            journal.clear()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def record(body: bytes) -> None:
    try:
        message = json.loads(body)
        params = message.get("params") or {}
    except (ValueError, AttributeError):
        return  # no JSON, or a batch: nothing a client of the matrix sends
    journal.append({"method": message.get("method"), "tool": params.get("name"), "arguments": params.get("arguments")})


if __name__ == "__main__":
    port = int(sys.argv[1])
    if "--fixtures" in sys.argv:
        import fixtures

        fixtures.add(server)
    uvicorn.run(Journal(server.streamable_http_app()), host="127.0.0.1", port=port, log_level="warning")
