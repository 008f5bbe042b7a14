"""What a proof is made with: scripted servers, gates with any policy, clients that take steps, records of the bytes."""

import json
import subprocess
import threading
import time
from contextlib import contextmanager

from . import carriers, setup
from .gate import Gate
from .matrix import CASES, Bench
from .processes import NotReady, Process, free_port
from .trace import Recorder

RUNS = setup.WORK / "runs"
# How long a relay is given to see the end of what a client has already got.
SETTLE = 0.2


class Talk:
    """What one client did and got: its own words, and the exchanges on the wire."""

    def __init__(self, said, exchanges):
        self.said = said
        self.exchanges = exchanges

    def of(self, *kinds):
        """What it said of these kinds, in order, without the time."""
        return [(kind, value) for line in self.said for kind, value in line.items() if kind in kinds]

    def reply(self, step):
        """The reply or error of a step."""
        return next((value for _, value in self.of("reply", "error") if value["step"] == step), None)


class Rig(Bench):
    """Like the matrix, it keeps its servers; gates come and go."""

    def __init__(self, direct, build):
        self.direct = direct
        self.servers, self.gates = {}, {}
        self.lock = threading.Lock()
        self.tasks = setup.program("rmcp-tasks", build)
        self.toolgate = None if direct else setup.program("toolgate", build)
        self.fastmcp = setup.python("fastmcp")
        self.prepare({"ts1", "ts2", "py1", "py2", "rmcp"}, build)
        RUNS.mkdir(parents=True, exist_ok=True)
        self.script = RUNS / "script.json"
        self.script.write_text(json.dumps(carriers.script()))

    def server_command(self, server, port):
        if server == "fastmcp":
            return [self.fastmcp, "-B", setup.CLIENTS / "servers/secrets_fastmcp.py", port, self.script]
        if server in ("scripted1", "scripted2"):
            return ["node", self.node / f"servers/secrets_ts{server[-1]}.mjs", port, self.script]
        if server == "rmcp":
            return [self.tasks, port, self.script]
        if server == "wire":
            return [self.py2, "-B", setup.CLIENTS / "servers/wire.py", port, self.script]
        if server == "everything":
            return setup.everything("streamableHttp", port)
        return super().server_command(server, port)

    def scripted(self, server):
        """The port of a server that speaks by the script, or of server-everything."""
        return self.start({"ts1": "scripted1", "ts2": "scripted2"}.get(server, server))

    def start(self, server):
        with self.lock:
            if server not in self.servers:
                port = free_port()
                log = RUNS / f"server-{server}.log"
                process = Process(server, self.server_command(server, port), log)
                self.servers[server] = (process, port)
                process.wait_until_listening(port)
            return self.servers[server][1]

    def server_port(self, server):
        with self.lock:
            return super().server_port(server)

    @contextmanager
    def gate(self, upstream, name, policy):
        """The port of a gate in front of `upstream`, for as long as it is needed."""
        gate = Gate(self.envoy, self.wasm, upstream, name, policy)
        try:
            yield gate.port
        finally:
            gate.stop()

    @contextmanager
    def relayed_gate(self, upstream, name, policy):
        """As `gate`, with a recorder between it and its upstream."""
        behind = Recorder(upstream)
        try:
            with self.gate(behind.port, name, policy) as port:
                yield port, behind
        finally:
            behind.stop()

    @contextmanager
    def kept_gate(self, upstream, name, policy):
        """As `relayed_gate`, for any number of runs: the recorder sees those of all of them."""
        with self.lock:
            if name not in self.gates:
                behind = Recorder(upstream)
                self.gates[name] = Gate(self.envoy, self.wasm, behind.port, name, policy), behind
            gate, behind = self.gates[name]
        yield gate.port, behind
        if gate.process.child.poll() is not None:
            raise NotReady(f"Envoy ended\n{gate.process.last_words()}")

    def stop(self):
        for gate, behind in self.gates.values():
            gate.stop()
            behind.stop()
        super().stop()

    def talk(self, client, era, port, steps, name):
        """Lets a client take steps at `port`, and records what passes."""
        recorder = Recorder(port)
        try:
            said = self.drive(client, era, recorder.port, steps, name)
            time.sleep(SETTLE)
            return Talk(said, recorder.exchanges())
        finally:
            recorder.stop()

    def drive(self, client, era, port, steps, name):
        file = RUNS / f"{name}.steps.json"
        file.write_text(json.dumps(steps))
        command = self.client_command(client)
        command += ["--era", era, "--url", f"http://127.0.0.1:{port}/mcp", "--cases", CASES, "--drive", file]
        log = RUNS / f"{name}.client.log"
        with log.open("w") as errors:
            try:
                done = subprocess.run(
                    [str(part) for part in command], stdout=subprocess.PIPE, stderr=errors, timeout=120
                )
            except subprocess.TimeoutExpired as late:
                raise NotReady(f"the client {client} did not end in {late.timeout:.0f} s") from late
        (RUNS / f"{name}.said").write_bytes(done.stdout)
        if done.returncode != 0:
            raise NotReady(f"the client {client} ended with {done.returncode}\n{log.read_text()[-2000:]}")
        return [json.loads(line) for line in done.stdout.decode().split("\n") if line]
