"""The Python SDK, version 2, as a client: legacy, pinned to 2026-07-28, or probing for it (its default)."""

import warnings
from contextlib import asynccontextmanager
from dataclasses import dataclass

from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp_types import CreateMessageResult, ElicitResult, TextContent

from checks import authorization, cases, expect, observe, options, plain, run

MODES = {"legacy": "legacy", "2026": "2026-07-28", "auto": "auto"}

# The SDK warns about `ping`, which protocol 2026-07-28 removed; it is sent in legacy sessions only.
warnings.simplefilter("ignore")


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
    client: Client
    version: str
    era: str

    async def list_tools(self):
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def call(self, name, arguments, on_progress=None):
        reply = await self.client.call_tool(name, arguments, progress_callback=on_progress)
        return plain(reply)

    async def read(self, uri):
        return await self.client.read_resource(uri)

    async def prompt(self, name):
        return await self.client.get_prompt(name)

    def listen(self):
        return self.client.listen(tools_list_changed=True)


@asynccontextmanager
async def connect(url, token=None):
    callbacks = {"sampling_callback": sample, "elicitation_callback": elicit, "logging_callback": log}
    http = create_mcp_http_client(headers=authorization(token))
    transport = streamable_http_client(url, http_client=http)
    async with http, Client(transport, mode=MODES[options.era], **callbacks) as client:
        version = client.protocol_version
        era = "legacy" if version < "2026-07-28" else "2026"
        expect(options.era in ("auto", era), f"negotiated {version}")
        if era == "legacy":
            await client.send_ping()
        yield Session(client, version, era)


if __name__ == "__main__":
    run("py2", connect)
