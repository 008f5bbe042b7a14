"""A server that changes after it was pinned: what changed is hidden and refused, the rest works.

Arguments are held to the schema that was pinned.
"""

import subprocess

from .. import setup
from ..processes import Process, free_port
from ..rig import RUNS
from ..wire import texts

NEEDS_THE_GATE = True
# In a description. The list is redacted; what is pinned is what the server sent.
ADDRESS = "weather@acme-corp.com"
BEFORE = [
    {"list": "tools"},
    {"call": "unchanged", "arguments": {"text": "hello"}},
    {"call": "described", "arguments": {"place": "Kiel"}},
    {"call": "typed", "arguments": {"amount": 3}},
    {"call": "typed", "arguments": {"amount": "ten"}},
    {"call": "typed", "arguments": {}},
]
AFTER = [
    {"list": "tools"},
    {"call": "unchanged", "arguments": {"text": "hello"}},
    {"call": "described", "arguments": {"place": "Kiel"}},
    {"call": "typed", "arguments": {"amount": 3}},
    {"call": "added"},
]


def runs():
    legacy = [("fastmcp", client, "legacy") for client in ("ts1", "py1", "rmcp")]
    return legacy + [("fastmcp", client, "2026") for client in ("ts2", "py2", "rmcp")]


def perform(rig, run):
    port, pins = free_port(), RUNS / f"{run.name}-pins.json"
    pins.unlink(missing_ok=True)
    server = serve(rig, port, "before")
    try:
        policy = make_policy(rig, run, port, pins)
        with rig.relayed_gate(port, run.name, policy) as (gate, behind):
            before = rig.talk(run.client, run.era, gate, BEFORE, f"{run.name}-before")
            check_before(run, before, behind)
            server.stop()
            server = serve(rig, port, "after")
            behind.connections.clear()
            check_pin(rig, run, port, pins)
            after = rig.talk(run.client, run.era, gate, AFTER, f"{run.name}-after")
            check_after(run, after, behind)
    finally:
        server.stop()


def serve(rig, port, when):
    command = [rig.fastmcp, "-B", setup.CLIENTS / "servers/drift_fastmcp.py", port, when]
    process = Process(f"drift {when}", command, RUNS / f"drift-{when}-{port}.log")
    process.wait_until_listening(port)
    return process


POLICY = """\
version: "1"
default: allow
results: {redact: [email]}
"""


def make_policy(rig, run, port, pins):
    """As an operator makes it: the pin file for reviews, and its `pins` behind a policy. The path of the policy."""
    url, file = f"http://127.0.0.1:{port}/mcp", RUNS / f"{run.name}-policy.yaml"
    written, output = toolgate(rig, "pin", url, "--file", pins, "--write")
    printed, block = toolgate(rig, "pin", url, "--file", pins, "--config", "--schemas")
    file.write_text(POLICY + block)
    checked, complaints = toolgate(rig, "check", file)
    run.add("pinned", (written, printed, checked) == (0, 0, 0), output + complaints)
    return file


def toolgate(rig, *arguments):
    done = subprocess.run([rig.toolgate, *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def names(reply):
    listed = reply.get("reply") or []
    return sorted(tool if isinstance(tool, str) else tool["name"] for tool in listed)


def works(reply):
    return "reply" in reply and not reply["reply"].get("isError")


def refusal(reply):
    """The text and the rule of a tool error; nothing if it is none."""
    result = reply.get("reply") or {}
    denial = (result.get("_meta") or {}).get("toolgate/denial") or {}
    text = (result.get("content") or [{}])[0].get("text", "")
    return (text, denial.get("rule", "")) if result.get("isError") and text.startswith("[POLICY DENIED]") else ("", "")


def check_before(run, talk, behind):
    listed = names(talk.reply(0))
    run.add("listed", listed == ["described", "typed", "unchanged"], f"{listed}")
    said = "\n".join(text for _, response in talk.exchanges if response for _, _, text in texts(response))
    redacted = ADDRESS not in said and "Says how warm it is. Questions: " in said
    run.add(
        "redacted", redacted, "the address in a description is gone, and it is no drift" if redacted else said[:500]
    )
    run.add("works", all(works(talk.reply(step)) for step in (1, 2, 3)), str([talk.reply(step) for step in (1, 2, 3)]))
    for name, step, words in (("wrong type", 4, ("amount", "integer")), ("missing argument", 5, ("amount",))):
        text, rule = refusal(talk.reply(step))
        run.add(name, all(word in text for word in words), f"{rule}: {text}" if text else str(talk.reply(step)))
    reached = [body for body in bodies(behind) if '"ten"' in body or '"arguments":{}' in body.replace(" ", "")]
    run.add("held back", not reached, "; ".join(reached) or "neither reached the server")


def check_pin(rig, run, port, pins):
    """The command shows what has changed, and fails."""
    code, output = toolgate(rig, "pin", f"http://127.0.0.1:{port}/mcp", "--file", pins, "--check")
    shown = all(word in output for word in ("described", "read the user's mail", "typed", "recipient", "added"))
    run.add("toolgate pin", code == 1 and shown and "unchanged" not in output, f"exit code {code}\n{output}")


def check_after(run, talk, behind):
    listed = names(talk.reply(0))
    run.add("hidden", listed == ["unchanged"], f"{listed}")
    run.add("unchanged works", works(talk.reply(1)), str(talk.reply(1)))
    for step, tool in ((2, "described"), (3, "typed"), (4, "added")):
        text, rule = refusal(talk.reply(step))
        run.add(f"{tool} refused", bool(text), f"{rule}: {text}" if text else str(talk.reply(step)))
    called = [f'"name":"{tool}"' for tool in ("described", "typed", "added")]
    reached = [body for body in bodies(behind) if any(call in body.replace(" ", "") for call in called)]
    run.add("not called", not reached, "; ".join(reached) or "none of them reached the server")


def bodies(recorder):
    return [request.body.decode() for request, _ in recorder.exchanges() if request is not None]
