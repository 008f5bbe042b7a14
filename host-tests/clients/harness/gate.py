"""Starts Envoy with the gate, from the configuration in envoy/envoy.yaml with this machine's ports and this policy."""

import hashlib
import json
import subprocess
import textwrap
from pathlib import Path

from . import setup
from .processes import Process, free_port

CONFIGURATION = setup.ROOT / "envoy/envoy.yaml"
POLICY = setup.CLIENTS / "policy.json"

# What the clients send where the gate wants to know who calls. It opens nothing but a gate of this matrix.
TOKEN = "tgk_client-matrix"

# Every way of looking at a result, and nothing of what the matrix says in one. (No phone and no credit_card: the times
# in progress notifications are digits.)
MATCHING_NOTHING = {
    "redact": [
        "email", "iban", "ssn", "jwt", "private_key", "aws_key", "github_token", "slack_token", "stripe_key",
        "google_api_key", {"regex": "nothing like this [0-9]{40}", "with": "[gone]"}, {"path": "structuredContent.gone"},
    ],
    "deny_if": [{"regex": "nobody says this [0-9]{40}", "on_deny": "Withheld."}],
    "max_bytes": 1048576,
}


class Gate:
    """One Envoy in front of one server, with counters of its own.

    The policy is an object, or a file for `toolgate render`.
    """

    def __init__(self, envoy, wasm, upstream_port, name, policy):
        self.port = free_port()
        admin_port = free_port()
        configuration = setup.WORK / "runs" / f"{name}.yaml"
        configuration.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(policy, Path):
            rendered(wasm, self.port, upstream_port, admin_port, policy, configuration)
        else:
            configuration.write_text(render(wasm, self.port, upstream_port, admin_port, policy))
        log = configuration.with_suffix(".envoy.log")
        command = [envoy, "--disable-hot-restart", "--concurrency", "2", "-c", configuration]
        self.process = Process("envoy", command, log)
        try:
            self.process.wait_until_ready(f"http://127.0.0.1:{admin_port}/ready")
        except BaseException:
            self.process.stop()
            raise

    def stop(self):
        self.process.stop()


def rendered(wasm, port, upstream_port, admin_port, policy, configuration, *more):
    """What `toolgate render` makes of the policy in a file, with more options; without a console, where none tell of one."""
    configuration.unlink(missing_ok=True)
    addresses = ["--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin_port}"]
    files = ["--policy", policy, "--out", configuration, "--wasm", wasm]
    command = [setup.program("toolgate", False), "render", "envoy", "--upstream", f"127.0.0.1:{upstream_port}"]
    more = more or ["--no-console"]
    setup.call([*command, *files, *addresses, *more], f"`toolgate render` cannot use {policy}", output=subprocess.DEVNULL)


def render(wasm, port, upstream_port, admin_port, policy):
    """The shipped configuration, changed only where its own header says it is to be changed."""
    text = CONFIGURATION.read_text()
    for old, new in (
        ("port_value: 10000", f"port_value: {port}"),
        ("port_value: 3000", f"port_value: {upstream_port}"),
        ("port_value: 9901", f"port_value: {admin_port}"),
        ("filename: target/wasm32-wasip1/release/toolgate.wasm", f"filename: {json.dumps(str(wasm))}"),
    ):
        if text.count(old) != 1:
            raise setup.SetupError(f"{setup.relative(CONFIGURATION)} has `{old}` {text.count(old)} times, not once")
        text = text.replace(old, new)
    return with_policy(text, json.dumps(policy, indent=2))


def matrix_policy(identity=False, results=False):
    """The policy of the matrix; for the holder of the one token and nobody else; with redactions that match nothing."""
    policy = json.loads(POLICY.read_text())
    if identity:
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        policy["grants"] = [{"id": "client-matrix", "token_sha256": digest}]
    if results:
        policy["results"] = MATCHING_NOTHING
    return policy


def with_policy(text, policy):
    """Replaces the block of text under the only `value: |`, which is the policy."""
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if line.strip() == "value: |"]
    if len(starts) != 1:
        raise setup.SetupError(f"{setup.relative(CONFIGURATION)} has {len(starts)} blocks `value: |`, not one")
    start = starts[0]
    indent = len(lines[start]) - len(lines[start].lstrip())
    end = start + 1
    while end < len(lines) and (not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > indent):
        end += 1
    block = textwrap.indent(policy, " " * (indent + 2)).splitlines()
    return "\n".join(lines[: start + 1] + block + lines[end:]) + "\n"
