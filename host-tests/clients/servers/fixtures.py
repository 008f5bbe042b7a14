"""What the official conformance suite expects of a server, on the Python SDK, version 2: the tools, resources and prompts that its
scenarios call by name."""

import base64
import json

import anyio
from mcp.server.mcpserver import Context
from mcp_types import AudioContent, CallToolResult, EmbeddedResource, ImageContent, TextContent, TextResourceContents

# One pixel, and the header of a sound without any.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="


def text(value):
    return TextContent(type="text", text=value)


def image():
    return ImageContent(type="image", data=PNG, mime_type="image/png")


def embedded(uri, value, kind="text/plain"):
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type=kind, text=value))


def add(server):
    def tool(name, *content, is_error=False):
        async def run() -> CallToolResult:
            return CallToolResult(content=list(content), is_error=is_error)

        server.add_tool(run, name=name, description=f"The suite's {name}.", structured_output=False)

    tool("test_simple_text", text("This is a simple text response for testing."))
    tool("test_image_content", image())
    tool("test_audio_content", AudioContent(type="audio", data=WAV, mime_type="audio/wav"))
    tool("test_embedded_resource", embedded("test://embedded-resource", "This is an embedded resource content."))
    mixed = embedded("test://mixed", '{"test":"data"}', "application/json")
    tool("test_multiple_content_types", text("Multiple content types test:"), image(), mixed)
    tool("test_error_handling", text("This tool intentionally returns an error for testing"), is_error=True)

    @server.tool(structured_output=False)
    async def test_tool_with_progress(ctx: Context) -> str:
        """Reports progress three times."""
        for step in (0, 50, 100):
            await ctx.report_progress(step, 100)
            await anyio.sleep(0.05)
        return "done"

    @server.resource("test://static-text", mime_type="text/plain")
    def static_text() -> str:
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    def static_binary() -> bytes:
        return base64.b64decode(PNG)

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def template(id: str) -> str:
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})

    @server.prompt()
    def test_simple_prompt() -> str:
        """Without arguments."""
        return "This is a simple prompt for testing."

    @server.prompt()
    def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        """With two."""
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"
