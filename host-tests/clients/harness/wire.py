"""Reads what a recorder wrote down: HTTP/1.1 messages, the server-sent events in them, the JSON-RPC messages in those.

Streams that were cut are read as far as they go. Nothing is repaired: what cannot be read is text without a place.
"""

import json
import re
from dataclasses import dataclass, field


@dataclass
class Message:
    """One request or response: its first line, its headers in lower case, its body without any framing."""

    start: str
    headers: list
    body: bytes

    def header(self, name):
        return next((value for key, value in self.headers if key == name), "")


@dataclass
class Event:
    """One server-sent event: its fields in order; a comment is a field without a name."""

    fields: list = field(default_factory=list)

    @property
    def data(self):
        return "\n".join(value for name, value in self.fields if name == "data")


def messages(stream):
    """The HTTP messages of one direction of a connection."""
    found, at = [], 0
    while at < len(stream) and (end := stream.find(b"\r\n\r\n", at)) >= 0:
        start, *lines = stream[at:end].decode("latin-1").split("\r\n")
        headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        message = Message(start, headers, b"")
        message.body, at = body(stream, end + 4, message)
        if not re.match(r"HTTP/1\.1 1\d\d", start):
            found.append(message)
    return found


def body(stream, at, message):
    """A message's body, and where the next message begins."""
    if message.header("transfer-encoding"):
        return chunked(stream, at)
    if length := message.header("content-length"):
        return stream[at : at + int(length)], at + int(length)
    without = not message.start.startswith("HTTP/") or re.match(r"HTTP/1\.1 (204|304)", message.start)
    return (b"", at) if without else (stream[at:], len(stream))


def chunked(stream, at):
    parts = []
    while (end := stream.find(b"\r\n", at)) >= 0:
        size = int(stream[at:end].split(b";")[0], 16)
        parts.append(stream[end + 2 : end + 2 + size])
        at = end + 4 + size
        if size == 0:
            break
    else:
        at = len(stream)
    return b"".join(parts), at


def events(text):
    """The events of a stream, the last one even if it was cut."""
    found, current = [], Event()
    for line in re.split(r"\r\n|\r|\n", text):
        if line:
            name, _, value = line.partition(":")
            current.fields.append((name, value.removeprefix(" ")))
        elif current.fields:
            found.append(current)
            current = Event()
    return found + [current] if current.fields else found


def texts(message):
    """Every text of a response as (method or None, place, text): decoded, with `*` for indexes and `{}` for keys."""
    text = message.body.decode("utf-8", "replace")
    if not message.header("content-type").startswith("text/event-stream"):
        yield from json_texts(text)
        return
    for event in events(text):
        for name, value in event.fields:
            if name != "data":
                yield None, f"sse.{name or 'comment'}", value
        if event.data:
            yield from json_texts(event.data)


def json_texts(text):
    for found in values(text):
        for message in found if isinstance(found, list) else [found]:
            method = message.get("method") if isinstance(message, dict) else None
            for place, inner in walk(message, ""):
                yield method, place, inner


def values(text):
    """The JSON values of a body, which may be several; a rest that is none is a string."""
    decoder, found, rest = json.JSONDecoder(), [], text.strip()
    while rest:
        try:
            value, end = decoder.raw_decode(rest)
        except ValueError:
            return found + [rest]
        found.append(value)
        rest = rest[end:].lstrip()
    return found


def walk(value, place):
    """Every text below a JSON value; numbers and words as they are written, for a secret may be a number."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield f"{place}.{{}}", key
            yield from walk(member, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item, f"{place}.*")
    else:
        yield place, value if isinstance(value, str) else json.dumps(value)
