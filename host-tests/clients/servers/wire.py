"""What no SDK's server sends, and the protocol allows: a server of bare bytes, which says what its script tells it to.

Usage: wire.py PORT SCRIPT. The name of the tool, or the method, says in which form the secrets come.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

with open(sys.argv[2], encoding="utf-8") as file:
    secrets = json.load(file)["secrets"]


def result(id_, **more):
    content = [{"type": "text", "text": secrets}]
    return {"jsonrpc": "2.0", "id": id_, "result": {"resultType": "complete", "content": content, **more}}


def notification(**params):
    return {"jsonrpc": "2.0", "method": "notifications/tasks", "params": {"taskId": "task-1", **params}}


def event(message, end="\n"):
    return f"data: {json.dumps(message)}{end}{end}"


def escaped(message):
    """Every letter of every string as an escape."""
    text = json.dumps(message, indent=1)
    marked = text.replace(json.dumps(secrets), '"@"')
    return marked.replace('"@"', '"' + "".join(f"\\u{ord(letter):04x}" for letter in secrets) + '"')


def lines(message):
    """An event of many data lines."""
    return "".join(f"data: {line}\r\n" for line in json.dumps(message, indent=2).splitlines()) + "\r\n"


def answer(method, name, id_):
    """The content type, and the pieces of the body."""
    if method == "subscriptions/listen":
        method = "notifications/subscriptions/acknowledged"
        acknowledged = {"jsonrpc": "2.0", "method": method, "params": {"notifications": {}}}
        failed = {"code": 1500, "message": secrets, "data": secrets}
        question = {"message": secrets, "requestedSchema": {"type": "object"}}
        question = {"method": "elicitation/create", "params": question}
        return "text/event-stream", [
            event(acknowledged),
            event(notification(status="completed", statusMessage=secrets, result=result(1)["result"])),
            event(notification(status="failed", error=failed)),
            event(notification(status="input_required", inputRequests={"person": question})),
        ]
    if name == "escaped":
        return "application/json", [escaped(result(id_))]
    if name == "lines":
        return "text/event-stream", [lines(result(id_))]
    if name == "carriage_returns":
        return "text/event-stream", [": hello\r", event(result(id_), "\r")]
    if name == "letter_by_letter":
        return "text/event-stream", list(event(result(id_)))
    if name == "values":
        params = {"progressToken": 1, "progress": 1, "message": secrets}
        progress = {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}
        return "application/json", [json.dumps(progress) + "\n", json.dumps(result(id_)) + "\n"]
    return "application/json", [json.dumps(result(id_, structuredContent={"card": 4012888888881881}))]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        kind, pieces = answer(message["method"], message["params"].get("name"), message["id"])
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            data = piece.encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            if len(pieces) < 10:
                time.sleep(0.05)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
