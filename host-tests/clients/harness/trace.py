"""A relay that writes down every byte between a client and what it talks to, with the time in milliseconds."""

import socket
import threading
import time


class Trace:
    """Listens on a port of its own and passes everything on to `port`; the client sends to `Trace.port`."""

    def __init__(self, port, file):
        self.target = port
        self.file = file.open("wb")
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
            server = socket.create_connection(("127.0.0.1", self.target))
            for source, sink, mark in ((client, server, b">"), (server, client, b"<")):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self.relay, args=(source, sink, mark, number), daemon=True).start()

    def relay(self, source, sink, mark, number):
        try:
            while data := source.recv(65536):
                self.write(b"%s connection %d" % (mark, number), data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
            self.write(b"%s connection %d, end" % (mark, number), b"")
        except OSError:
            self.write(b"%s connection %d, reset" % (mark, number), b"")

    def write(self, what, data):
        with self.lock:
            if self.file.closed:
                return
            elapsed = (time.monotonic() - self.started) * 1000
            self.file.write(b"\n--- %s, %.0f ms\n" % (what, elapsed) + data)
            self.file.flush()

    def stop(self):
        self.listener.close()
        with self.lock:
            self.file.close()
