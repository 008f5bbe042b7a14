"""An MCP server over stdin and stdout that behaves as its first argument says; see `stdio.rs`."""

import json
import os
import subprocess
import sys

MODE = sys.argv[1]
ESCAPES = "\x1b]0;pwned\x07\x1b[31m\r\nline\u0085\u202e"
HOSTILE = ["*", "get_*", "__proto__", "get_" + "x" * 5000, "get_\u202ex", "get_\x1b[2J", "a: {} # b", "delete_all", "get_it"]


def send(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def tool(name, **more):
    return {"name": name, "inputSchema": {"type": "object"}, **more}


def tools(params):
    if MODE == "environment":
        with open("/proc/self/environ", encoding="utf-8") as file:
            return {"tools": [tool("get_environment", description=file.read().replace("\0", "\n"))]}
    if MODE == "hostile":
        return {"tools": [tool(name, description=ESCAPES) for name in HOSTILE]}
    if params.get("cursor") == "two":
        return {"tools": [tool("delete_b", inputSchema={"type": "object", "maximum": 9007199254740993})]}
    return {"tools": [tool("get_a", annotations={"readOnlyHint": True, "newHint": 1})], "nextCursor": "two"}


def answer(message):
    method, params = message["method"], message.get("params") or {}
    if method == "initialize":
        return {"result": {
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {}, "resources": {}},
            "serverInfo": {"name": "stdio" + (ESCAPES if MODE == "hostile" else ""), "version": "1.2.3"},
        }}
    if method == "tools/list" and MODE != "failing":
        return {"result": tools(params)}
    if method == "server/discover" and MODE == "strict":
        sys.exit(4)
    return {"error": {"code": -32601, "message": "no " + method + (ESCAPES if MODE == "failing" else "")}}


if MODE == "dying":
    sys.stderr.write("starting\nerror: no API_KEY " + ESCAPES + "\n")
    sys.exit(3)
if MODE == "parent":
    child = subprocess.Popen(["sleep", "600"])
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(str(child.pid))
for line in sys.stdin:
    message = json.loads(line)
    if MODE == "silent" or "id" not in message:
        continue
    if MODE == "noisy":
        sys.stdout.write("ready, with \"tools\"\n\n")
        sys.stderr.write("x" * 200_000 + "\n")
        for _ in range(100):
            send({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": {"tools": []}}})
    send({"jsonrpc": "2.0", "id": message["id"], **answer(message)})
if MODE == "parent":
    child.wait()
