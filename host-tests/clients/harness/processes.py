"""Programs that are started, waited for, and ended by their own process id."""

import socket
import subprocess
import time
import urllib.error
import urllib.request


class NotReady(Exception):
    """A program ended, or did not answer in time; the text ends in what it last wrote."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A program whose output goes to a file."""

    def __init__(self, name, command, log, cwd=None):
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            command = [str(part) for part in command]
            self.child = subprocess.Popen(command, cwd=cwd, stdout=output, stderr=subprocess.STDOUT)

    @property
    def pid(self):
        return self.child.pid

    def wait_until_ready(self, url, seconds=30):
        """Returns once `url` answers 200."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                raise NotReady(f"{self.name} ended with {self.child.returncode}\n{self.last_words()}")
            try:
                with urllib.request.urlopen(url, timeout=1):
                    return
            except (OSError, urllib.error.URLError):
                time.sleep(0.05)
        raise NotReady(f"{self.name} did not answer at {url} in {seconds} s\n{self.last_words()}")

    def wait_until_listening(self, port, seconds=30):
        """Returns once somebody listens on `port`: an MCP endpoint has no 200 for a plain GET."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.child.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise NotReady(f"{self.name} does not listen on {port}\n{self.last_words()}")

    def last_words(self, lines=12):
        text = self.log.read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in text[-lines:])

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
