"""A FastMCP server that says what its script tells it to, in every carrier FastMCP has: 2025-11-25 and 2026-07-28.

Usage: secrets_fastmcp.py PORT SCRIPT. Sessions have an event store, so that closed streams are resumed.
"""

import json
import sys
import time

import anyio
import mcp_types
import uvicorn
from fastmcp import Context, FastMCP
from fastmcp.prompts import Message, PromptResult
from fastmcp.resources import ResourceContent, ResourceResult
from fastmcp.server.event_store import EventStore
from fastmcp.server.middleware import Middleware
from fastmcp.tools.base import Tool, ToolResult
from mcp.shared.exceptions import MCPError
from pydantic import TypeAdapter

with open(sys.argv[2], encoding="utf-8") as file:
    script = json.load(file)

content = TypeAdapter(list[mcp_types.ContentBlock])


class Errors(Middleware):
    """A tool's own error becomes a result; a JSON-RPC error has to come from in front of it."""

    async def on_call_tool(self, context, call_next):
        if error := script["tools"].get(context.message.name, {}).get("error"):
            raise MCPError(**error)
        return await call_next(context)


server = FastMCP("secrets-fastmcp", instructions=script["secrets"], middleware=[Errors()])


def register(name, said):
    async def run(ctx: Context) -> ToolResult:
        if said.get("close"):
            await ctx.close_sse_stream()
        for kind in said.get("notify", []):
            await anyio.sleep(said["gap_ms"] / 1000)
            if kind == "log":
                await ctx.log(script["secrets"], level="warning", extra={"more": script["secrets"]})
            else:
                await ctx.report_progress(time.time() * 1000, None, script["secrets"])
        if "elicit" in said and (question := await ask(ctx, said)) is not None:
            return question
        result = said["result"]
        return ToolResult(
            content=content.validate_python(result["content"]),
            structured_content=result.get("structuredContent"),
            meta=result.get("_meta"),
            is_error=result.get("isError", False),
        )

    async def guarded(ctx: Context) -> ToolResult | mcp_types.InputRequiredResult:
        return await run(ctx)

    body = guarded if "elicit" in said else run
    description = said.get("description", f"Says {name}.")
    server.add_tool(Tool.from_function(body, name=name, description=description, output_schema=said.get("schema")))


async def ask(ctx, said):
    """Asks the person and the model: in a session by requests of the server, from 2026-07-28 on by a result."""
    user = mcp_types.SamplingMessage(role="user", content=mcp_types.TextContent(type="text", text=said["sample"]))
    elicit = said["elicit"]
    if ctx.request_context.protocol_version < "2026-07-28":
        await ctx.session.elicit(elicit["message"], elicit["requestedSchema"], related_request_id=ctx.request_id)
        await ctx.session.create_message([user], max_tokens=10, related_request_id=ctx.request_id)
        return None
    if ctx.input_responses:
        return None
    form = mcp_types.ElicitRequestFormParams(message=elicit["message"], requested_schema=elicit["requestedSchema"])
    person = mcp_types.ElicitRequest(params=form)
    model = mcp_types.CreateMessageRequest(params=mcp_types.CreateMessageRequestParams(messages=[user], max_tokens=10))
    return mcp_types.InputRequiredResult(input_requests={"person": person, "model": model}, request_state="state")


for name, said in script["tools"].items():
    register(name, said)


@server.resource("memo://plain")
def plain() -> ResourceResult:
    contents = script["resources"]["memo://plain"]
    return ResourceResult([ResourceContent(one["text"], one["mimeType"], one["_meta"]) for one in contents])


@server.resource("memo://broken")
def broken() -> ResourceResult:
    raise MCPError(**script["resource_error"])


@server.prompt
def brief() -> PromptResult:
    messages = script["prompts"]["brief"]
    return PromptResult([Message(one["content"]["text"], role=one["role"]) for one in messages])


class Comments:
    """Says the secrets in every event stream where no JSON is: in a comment, and in a field nobody knows.

    The latter not to rmcp, known by the user agent it does not name: it ends a stream with such a field.
    """

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        is_stream, kinds = False, [":"]
        if any(name == b"user-agent" for name, _ in scope.get("headers", [])):
            kinds.append("note:")

        async def commented(message):
            nonlocal is_stream
            if message["type"] == "http.response.start":
                types = [value for name, value in message["headers"] if name == b"content-type"]
                is_stream = any(value.startswith(b"text/event-stream") for value in types)
            elif is_stream and message.get("body"):
                said = "".join(f"{kind} {line}\r\n" for kind in kinds for line in script["lines"])
                message = {**message, "body": f"{said}\r\n".encode() + message["body"]}
                is_stream = False
            await send(message)

        await self.app(scope, receive, commented)


if __name__ == "__main__":
    app = Comments(server.http_app(event_store=EventStore(), retry_interval=100))
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
