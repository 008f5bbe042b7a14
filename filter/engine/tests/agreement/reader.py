"""Reads one body a line, in hex, and prints what json.loads reads in it; `!` where it reads nothing."""

import json
import struct
import sys


def text(value):
    return "s" + value.encode("utf-8", "surrogatepass").hex()


def number(value):
    try:
        value = float(value)
    except OverflowError:
        value = float("inf") if value > 0 else float("-inf")
    return "#" + struct.pack(">d", value or 0.0).hex()


def dump(value):
    if value is None:
        return "n"
    if value is True:
        return "t"
    if value is False:
        return "f"
    if isinstance(value, str):
        return text(value)
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, list):
        return "[" + ",".join(map(dump, value)) + "]"
    return "{" + ",".join(sorted(text(key) + ":" + dump(item) for key, item in value.items())) + "}"


def member(value, key):
    return value.get(key, ...) if isinstance(value, dict) else ...


def message(value):
    params = member(value, "params")
    parts = [member(value, "method"), member(params, "name"), member(params, "arguments")]
    return ";".join("-" if part is ... else dump(part) for part in parts)


for line in sys.stdin:
    try:
        root = json.loads(bytes.fromhex(line))
        reading = "|".join(map(message, root)) if isinstance(root, list) else message(root)
    except (ValueError, RecursionError):
        reading = "!"
    print(reading)
