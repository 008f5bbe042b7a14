#!/usr/bin/env python3
"""Compares the gate's judgement of arguments with that of `jsonschema` (PyPI), on random schemas and values.

    python3 -m venv target/jsonschema && target/jsonschema/bin/pip install jsonschema==4.25.1
    cargo build --release -p toolgate-engine --features lint --example judge_arguments
    target/jsonschema/bin/python host-tests/schemas/compare.py [PAIRS [SEED]]

Exits with 1 at the first disagreement. Values are made with the schema at hand, so that about half of them fit.
"""

import json
import random
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import jsonschema

ROOT = Path(__file__).resolve().parents[2]
JUDGE = ROOT / "target/release/examples/judge_arguments"
KEYS = ["a", "b", "c", "long name", "ä", "x-1"]
TEXTS = ["", "a", "ab", "abc", "äöü", "😀", "A1", "2024-01-01", "x" * 12]
PATTERNS = ["^a", "b$", "[0-9]+", "^[a-z]*$", ".", "a|b", "^x{2,}$"]
NUMBERS = ["0", "1", "-1", "2", "3", "5", "10", "1.5", "0.1", "0.3", "1.0", "-0.5", "100", "1e2", "9007199254740993", "0.01"]
DRAFTS = [None, "https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#"]


class Number(float):
    """A number with its own spelling."""

    def __new__(cls, text):
        self = super().__new__(cls, text)
        self.text = text
        return self


def spelled(value):
    if isinstance(value, Number):
        return value.text
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{spelled(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(spelled, value)) + "]"
    return json.dumps(value)


def number(rng):
    return Number(rng.choice(NUMBERS))


def any_value(rng, depth):
    kind = rng.randrange(8 if depth > 0 else 5)
    if kind == 0:
        return None
    if kind == 1:
        return rng.random() < 0.5
    if kind in (2, 3):
        return number(rng)
    if kind == 4:
        return rng.choice(TEXTS)
    if kind == 5:
        return [any_value(rng, depth - 1) for _ in range(rng.randrange(4))]
    return {key: any_value(rng, depth - 1) for key in rng.sample(KEYS, rng.randrange(4))}


def count(rng):
    return Number(str(rng.randrange(4)))


def schema(rng, depth, draft, top):
    roll = rng.random()
    if roll < 0.03:
        return True
    if roll < 0.05:
        return False
    out = {}
    if not top and rng.random() < 0.12:
        name = rng.choice(["x", "y", "z/~"]).replace("~", "~0").replace("/", "~1")
        out["$ref"] = f"#/{'definitions' if draft == DRAFTS[2] else '$defs'}/{name}"
        if draft != DRAFTS[2] or rng.random() < 0.5:
            return out
    kinds = ["null", "boolean", "number", "integer", "string", "array", "object"]
    if rng.random() < 0.6:
        kind = rng.choice(kinds)
        out["type"] = kind if rng.random() < 0.7 else rng.sample(kinds, rng.randrange(1, 4))
    words = rng.sample(
        ["enum", "const", "bounds", "multipleOf", "lengths", "pattern", "object", "object", "names", "counts", "array", "array",
         "unique", "sizes", "allOf", "anyOf", "oneOf", "not", "words"],
        rng.randrange(4),
    )
    deeper = lambda: schema(rng, depth - 1, draft, False)
    for word in words:
        if word == "enum":
            out["enum"] = [any_value(rng, 1) for _ in range(rng.randrange(1, 5))]
        elif word == "const":
            out["const"] = any_value(rng, 2)
        elif word == "bounds":
            for key in rng.sample(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"], rng.randrange(1, 3)):
                out[key] = number(rng)
        elif word == "multipleOf":
            out["multipleOf"] = Number(rng.choice(["1", "2", "0.1", "0.01", "1.5", "10"]))
        elif word == "lengths":
            out[rng.choice(["minLength", "maxLength"])] = count(rng)
        elif word == "pattern":
            out["pattern"] = rng.choice(PATTERNS)
        elif word == "sizes":
            out[rng.choice(["minItems", "maxItems"])] = count(rng)
        elif word == "counts":
            out[rng.choice(["minProperties", "maxProperties"])] = count(rng)
        elif word == "unique":
            out["uniqueItems"] = rng.random() < 0.8
        elif word == "words":
            out.update(title="t", description="d", default=1, format="email", examples=[1])
        elif depth <= 0:
            continue
        elif word == "object":
            out["properties"] = {key: deeper() for key in rng.sample(KEYS, rng.randrange(1, 4))}
            if rng.random() < 0.5:
                out["required"] = rng.sample(KEYS, rng.randrange(3))
            if rng.random() < 0.5:
                out["additionalProperties"] = deeper()
            if rng.random() < 0.3:
                out["patternProperties"] = {rng.choice(PATTERNS): deeper()}
        elif word == "names":
            out["propertyNames"] = deeper()
        elif word == "array":
            if rng.random() < 0.5:
                out["items"] = deeper()
            elif draft == DRAFTS[2]:
                out["items"] = [deeper() for _ in range(rng.randrange(1, 3))]
                if rng.random() < 0.5:
                    out["additionalItems"] = deeper()
            else:
                out["prefixItems"] = [deeper() for _ in range(rng.randrange(1, 3))]
                if rng.random() < 0.5:
                    out["items"] = deeper()
        elif word == "not":
            out["not"] = deeper()
        else:
            out[word] = [deeper() for _ in range(rng.randrange(1, 4))]
    if top and isinstance(out, dict):
        out["definitions" if draft == DRAFTS[2] else "$defs"] = {
            name: schema(rng, 1, draft, False) for name in ["x", "y", "z/~"]
        }
        if draft:
            out["$schema"] = draft
    return out


def value_for(rng, spec, depth):
    """A value that has a chance to fit."""
    if not isinstance(spec, dict) or depth < 0 or rng.random() < 0.12:
        return any_value(rng, max(depth, 0))
    if "const" in spec and rng.random() < 0.8:
        return spec["const"]
    if "enum" in spec and rng.random() < 0.8:
        return rng.choice(spec["enum"])
    for word in ("anyOf", "oneOf", "allOf"):
        if word in spec and rng.random() < 0.6:
            return value_for(rng, rng.choice(spec[word]), depth - 1)
    kind = spec.get("type")
    if isinstance(kind, list):
        kind = rng.choice(kind)
    if kind is None:
        kind = "object" if "properties" in spec else "array" if {"items", "prefixItems"} & set(spec) else None
    if kind == "null":
        return None
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "integer":
        return Number(rng.choice(["0", "1", "2", "3", "10", "1.0", "1e2"]))
    if kind == "number":
        return number(rng)
    if kind == "string":
        return rng.choice(TEXTS)
    if kind == "array":
        items = spec.get("items", spec.get("prefixItems", True))
        one = lambda: rng.choice(items) if isinstance(items, list) and items else items
        return [value_for(rng, one(), depth - 1) for _ in range(rng.randrange(4))]
    if kind == "object":
        out = {}
        for key, inner in spec.get("properties", {}).items():
            if rng.random() < 0.8:
                out[key] = value_for(rng, inner, depth - 1)
        for key in spec.get("required", []):
            out.setdefault(key, any_value(rng, 1))
        if rng.random() < 0.2:
            out[rng.choice(KEYS)] = any_value(rng, 1)
        return out
    return any_value(rng, depth)


def exact(text):
    """JSON with exact numbers: whole ones as integers however they are written, as the standard has them."""

    def decimal(literal):
        value = Decimal(literal)
        return int(value) if value == value.to_integral_value() else value

    return json.loads(text, parse_float=decimal, parse_int=int)


def main():
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    rng = random.Random(seed)
    judge = subprocess.Popen([JUDGE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    number_types = (int, Decimal)
    checker = jsonschema.TypeChecker({
        "null": lambda _, value: value is None,
        "boolean": lambda _, value: isinstance(value, bool),
        "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
        "number": lambda _, value: isinstance(value, number_types) and not isinstance(value, bool),
        "string": lambda _, value: isinstance(value, str),
        "array": lambda _, value: isinstance(value, list),
        "object": lambda _, value: isinstance(value, dict),
    })
    new = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=checker)
    old = jsonschema.validators.extend(jsonschema.Draft7Validator, type_checker=checker)
    tally = {"fits": 0, "does not fit": 0, "cannot be told": 0}
    while tally["fits"] + tally["does not fit"] < pairs:
        draft = rng.choice(DRAFTS)
        spec = schema(rng, 3, draft, True)
        texts = [spelled(spec)]
        validator = (old if draft == DRAFTS[2] else new)(exact(texts[0]))
        for _ in range(4):
            value = spelled(value_for(rng, spec, 3))
            judge.stdin.write(f'{{"schema":{texts[0]},"value":{value}}}\n')
            judge.stdin.flush()
            told = judge.stdout.readline().rstrip("\n")
            try:
                fits = validator.is_valid(exact(value))
            except BaseException as error:
                # A reference that leads to itself: there is no answer.
                if type(error).__name__ not in ("RecursionError", "PanicException"):
                    raise
                tally["cannot be told"] += 1
                continue
            if "cannot be checked" in told:
                tally["cannot be told"] += 1
                continue
            if told in ("gap", "unreadable") or fits != (told == "fits"):
                print(f"schema {texts[0]}\nvalue  {value}\nhere   {told}\nthere  {'fits' if fits else 'does not fit'}")
                sys.exit(1)
            tally["fits" if fits else "does not fit"] += 1
    print(f"seed {seed}: {tally}")


main()
