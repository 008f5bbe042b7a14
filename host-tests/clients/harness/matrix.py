"""The matrix: which client speaks which era to which server, and what one run of it must show."""

import json
import subprocess
import time
import urllib.request
from dataclasses import dataclass, field

from . import setup
from .gate import TOKEN, Gate, matrix_policy
from .processes import NotReady, Process, free_port
from .trace import Trace

CASES = setup.CLIENTS / "cases.json"
SECONDS_PER_RUN = 180

# The eras each server speaks; `auto` asks it.
SERVERS = {
    "python": ("legacy", "2026", "auto"),
    "typescript1": ("legacy", "auto"),
    "typescript2": ("legacy", "2026", "auto"),
}
CLIENTS = {
    "ts1": ("legacy",),
    "ts2": ("legacy", "2026", "auto"),
    "py1": ("legacy",),
    "py2": ("legacy", "2026", "auto"),
    "rmcp": ("legacy", "2026", "auto"),
}


@dataclass
class Run:
    """One client, in one era, against one server."""

    client: str
    era: str
    server: str
    checks: list = field(default_factory=list)
    seconds: float = 0.0

    @property
    def name(self):
        return f"{self.client}-{self.era}-{self.server}"

    def is_called(self, name):
        return name in (self.client, self.era, self.server, f"{self.client}-{self.era}", self.name)

    @property
    def failed(self):
        return [check for check in self.checks if not check["ok"]]

    @property
    def passed(self):
        return bool(self.checks) and not self.failed

    @property
    def score(self):
        return f"{len(self.checks) - len(self.failed)}/{len(self.checks)}"

    def add(self, check, ok, detail):
        entry = {"client": self.client, "era": self.era, "check": check, "ok": ok, "detail": detail}
        self.checks.append({**entry, "server": self.server})


def all_runs():
    return [
        Run(client, era, server)
        for server, spoken in SERVERS.items()
        for client, eras in CLIENTS.items()
        for era in eras
        if era in spoken
    ]


class Bench:
    """Holds the servers, which live as long as the matrix, and runs one client after the other against them."""

    def __init__(self, runs, direct, build, trace, identity=False, results=False):
        self.direct = direct
        self.identity = identity
        self.policy = matrix_policy(identity, results)
        self.trace = trace
        self.cases = json.loads(CASES.read_text())
        self.servers = {}
        self.prepare({run.client for run in runs} | {run.server for run in runs}, build)

    def prepare(self, needed, build):
        """Makes what these clients and servers need."""
        if needed & {"ts1", "ts2", "typescript1", "typescript2"}:
            self.node = setup.node()
        if needed & {"py2", "python"}:
            self.py2 = setup.python("py2")
        if "py1" in needed:
            self.py1 = setup.python("py1")
        if "rmcp" in needed:
            self.rmcp = setup.program("rmcp-client", build)
        if not self.direct:
            self.envoy = setup.envoy()
            self.wasm = setup.wasm(build)

    def client_command(self, client):
        if client == "rmcp":
            return [self.rmcp]
        if client.startswith("ts"):
            return ["node", self.node / f"{client}.mjs"]
        interpreter = self.py1 if client == "py1" else self.py2
        return [interpreter, "-B", setup.CLIENTS / f"{client}.py"]

    def server_command(self, server, port):
        if server == "python":
            return [self.py2, "-B", setup.CLIENTS / "servers/py2.py", port]
        return ["node", self.node / f"servers/ts{server[-1]}.mjs", port]

    def server_port(self, server):
        if server not in self.servers:
            port = free_port()
            log = setup.WORK / "runs" / f"server-{server}.log"
            process = Process(server, self.server_command(server, port), log)
            self.servers[server] = (process, port)
            process.wait_until_ready(f"http://127.0.0.1:{port}/journal")
        return self.servers[server][1]

    def perform(self, run):
        """Fills `run.checks`; a program that does not start or end is a failed check, not an exception."""
        started = time.monotonic()
        gate = trace = None
        try:
            upstream = self.server_port(run.server)
            port = upstream
            if not self.direct:
                gate = Gate(self.envoy, self.wasm, upstream, run.name, self.policy)
                port = gate.port
            if self.trace:
                trace = Trace(port, setup.WORK / "runs" / f"{run.name}.trace")
                port = trace.port
            journal(upstream, "DELETE")
            self.run_client(run, port, upstream)
            self.judge_journal(run, journal(upstream, "GET"))
            if gate is not None and gate.process.child.poll() is not None:
                run.add("envoy", False, gate.process.last_words())
        except NotReady as error:
            run.add("start", False, str(error))
        finally:
            for part in (trace, gate):
                if part is not None:
                    part.stop()
            run.seconds = time.monotonic() - started

    def run_client(self, run, port, upstream):
        command = self.client_command(run.client)
        command += ["--era", run.era, "--url", f"http://127.0.0.1:{port}/mcp", "--cases", CASES]
        if not self.direct:
            command += ["--gated", "--baseline", f"http://127.0.0.1:{upstream}/mcp"]
        if self.identity:
            command += ["--token", TOKEN]
        log = setup.WORK / "runs" / f"{run.name}.client.log"
        with log.open("w") as errors:
            child = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=errors, text=True)
            try:
                output, _ = child.communicate(timeout=SECONDS_PER_RUN)
            except subprocess.TimeoutExpired:
                child.kill()
                output, _ = child.communicate()
                run.add("end", False, f"the client did not end in {SECONDS_PER_RUN} s")
            finally:
                child.kill()
        for line in output.splitlines():
            run.checks.append({**json.loads(line), "server": run.server})
        if child.returncode != 0 and not run.failed:
            run.add("exit", False, f"the client ended with {child.returncode}: {log.read_text()[-2000:]}")

    def judge_journal(self, run, seen):
        """What the server saw: nothing that was refused, and the era's own handshake."""
        if not self.direct:
            limited = self.cases["limited"]
            leaked = [case["check"] for case in self.cases["denied"] if call(case) in map(call, seen)]
            paid = [call(entry) for entry in seen].count(call(limited))
            ok = not leaked and paid == limited["max"]
            run.add("upstream", ok, f"refused calls at the server: {leaked}; {paid} refunds of {limited['max']}")
        if run.era == "auto":
            methods = [entry["method"] for entry in seen]
            legacy = "2026" not in SERVERS[run.server]
            ok = methods[:1] == ["server/discover"] and ("initialize" in methods) == legacy
            run.add("probe", ok, " ".join(filter(None, methods[:3])))

    def stop(self):
        for process, _ in self.servers.values():
            process.stop()


def call(entry):
    return (entry["tool"], json.dumps(entry["arguments"], sort_keys=True))


def journal(port, method):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/journal", method=method)
    with urllib.request.urlopen(request, timeout=5) as reply:
        return json.load(reply)
