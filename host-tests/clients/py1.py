"""The Python SDK, version 1, as a client. Legacy only."""

from contextlib import asynccontextmanager
from dataclasses import dataclass

from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.types import CallToolResult, CreateMessageResult, ElicitResult, TextContent

from checks import authorization, cases, observe, plain, run


async def sample(context, params):
    observe("sampling", params)
    content = TextContent(type="text", text=cases["sample"]["answer"])
    return CreateMessageResult(role="assistant", model="none", content=content)


async def elicit(context, params):
    observe("elicitation", params)
    return ElicitResult(action="accept", content={"answer": cases["elicit"]["answer"]})


async def log(params):
    observe("log", params)


@dataclass
class Session:
    session: ClientSession
    version: str
    era: str = "legacy"

    async def list_tools(self):
        return [tool.name for tool in (await self.session.list_tools()).tools]

    async def call(self, name, arguments, on_progress=None):
        reply = await self.session.call_tool(name, arguments, progress_callback=on_progress)
        return plain(reply)

    async def read(self, uri):
        return await self.session.read_resource(uri)

    async def prompt(self, name):
        return await self.session.get_prompt(name)

    async def task(self, name, arguments):
        tasks = self.session.experimental
        created = await tasks.call_tool_as_task(name, arguments)
        observe("task", created)
        async for status in tasks.poll_task(created.task.taskId):
            observe("task", status)
            if status.status == "input_required":
                break  # the question comes with the result
        return await tasks.get_task_result(created.task.taskId, CallToolResult)


@asynccontextmanager
async def connect(url, token=None):
    http = create_mcp_http_client(headers=authorization(token))
    async with http, streamable_http_client(url, http_client=http) as (read, write, _):
        callbacks = {"sampling_callback": sample, "elicitation_callback": elicit, "logging_callback": log}
        async with ClientSession(read, write, **callbacks) as session:
            version = (await session.initialize()).protocolVersion
            await session.send_ping()
            yield Session(session, version)


if __name__ == "__main__":
    run("py1", connect)
