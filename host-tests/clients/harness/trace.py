"""Relays that write down every byte between a client and what it talks to: to read, or to compare."""

import socket
import threading
import time
from itertools import zip_longest

from . import wire


class Relay:
    """Listens on a port of its own and passes everything on to `target`; the client sends to `Relay.port`."""

    def __init__(self, target):
        self.target = target
        self.lock = threading.Lock()
        self.started = time.monotonic()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        number = 0
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            number += 1
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            for source, sink, mark in ((client, server, b">"), (server, client, b"<")):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.relay, args=(source, sink, mark, number), daemon=True).start()

    def relay(self, source, sink, mark, number):
        try:
            while data := source.recv(65536):
                self.note(mark, number, b"", data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
            self.note(mark, number, b", end", b"")
        except OSError:
            self.note(mark, number, b", reset", b"")

    def stop(self):
        self.listener.close()


class Trace(Relay):
    """Writes a file that people read, with the time in milliseconds."""

    def __init__(self, port, file):
        self.file = file.open("wb")
        super().__init__(port)

    def note(self, mark, number, end, data):
        with self.lock:
            if self.file.closed:
                return
            elapsed = (time.monotonic() - self.started) * 1000
            self.file.write(b"\n--- %s connection %d%s, %.0f ms\n" % (mark, number, end, elapsed) + data)
            self.file.flush()

    def stop(self):
        super().stop()
        with self.lock:
            self.file.close()


class Recorder(Relay):
    """Keeps the bytes of every connection, each direction for itself."""

    def __init__(self, port):
        self.connections = {}
        super().__init__(port)

    def note(self, mark, number, end, data):
        with self.lock:
            self.connections.setdefault(number, {b">": bytearray(), b"<": bytearray()})[mark].extend(data)

    def exchanges(self):
        """(request, response) in the order of connections; a request whose response never began has none."""
        with self.lock:
            kept = [(bytes(sides[b">"]), bytes(sides[b"<"])) for _, sides in sorted(self.connections.items())]
        return [pair for sent, got in kept for pair in zip_longest(wire.messages(sent), wire.messages(got))]
