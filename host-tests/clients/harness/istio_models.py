"""Holds Istio's resources against the models of its own releases, as the PyPI package cloudcoil.models.istio has them, for
`host-tests/clients/schemas`.

Those are made from the resource definitions, for a Python newer than ours. So their classes are read as source, and only what
they say of fields is taken over: names, types, bounds. A key that no field has is an error.

Run in an environment with pydantic: istio_models.py MODELS FILE…
"""

import ast
import re
import sys
import typing
from pathlib import Path

import pydantic
import yaml


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")


def models(path):
    """The classes of one file of the package."""
    names = {"BaseModel": Strict, "Resource": Strict, "ObjectMeta": dict[str, typing.Any]}
    tree = ast.parse(path.read_text())
    own = ("cloudcoil", ".")
    tree.body = [node for node in tree.body if not (isinstance(node, ast.ImportFrom) and (node.level or node.module.startswith(own)))]
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            fields = [part for part in node.body if isinstance(part, ast.AnnAssign) and "__" not in part.target.id]
            node.body = fields or [ast.Pass()]
    exec(compile(tree, str(path), "exec"), names)
    return names


def main():
    root = Path(sys.argv[1])
    valid = True
    for file in map(Path, sys.argv[2:]):
        for resource in filter(None, yaml.safe_load_all(file.read_text())):
            group, version = resource["apiVersion"].split("/")
            if not group.endswith(".istio.io"):
                continue
            model = models(root / group.split(".")[0] / f"{version}.py")[resource["kind"]]
            verdict = "ok"
            try:
                model.model_validate(resource)
            except pydantic.ValidationError as error:
                found = "; ".join(f"{'/'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors())
                verdict, valid = f"FAIL: {re.sub(r'/TrafficExtension[A-Za-z0-9]+', '', found)}", False
            print(f"{file.name}  {resource['kind']}, closed: {verdict}")
    return 0 if valid else 1


if __name__ == "__main__":
    sys.exit(main())
