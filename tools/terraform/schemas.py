"""Provider schemas, read from the TypeScript bindings that npm carries of them.

The bindings hold, for every resource and data source, which attributes there are, of which type, and
whether they are required, optional or computed: enough for `terraform validate`, `plan` and `test` to
refuse a wrong name, a missing argument or a wrong type. What a provider checks by itself is not there.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Type = str | list[Any]
Schema = dict[str, Any]
"""{"attributes": {name: {"type": ..., "required": true, ...}}, "blocks": {name: {"nesting": ...,
"block": Schema, "min": 1, "max": 1}}}, which the stub provider serves."""

_MAP = "sourceMappingURL=data:application/json;base64,"
_CLASS = re.compile(r"^export class (\w+) extends [\w.]+ \{$(.*?)^\}$", re.DOTALL | re.MULTILINE)
_WRITER = re.compile(
    r"^export function (\w+)ToHclTerraform\([^\n]*\{$(.*?)^\}$", re.DOTALL | re.MULTILINE
)
_OWN_WRITER = re.compile(r"synthesizeHclAttributes\(\)[^\n]*\{(.*)", re.DOTALL)
_ARGUMENT = re.compile(
    r"^\s+(\w+): \{\s+value: [^\n]*\s+isBlock: (true|false),\s+"
    r'type: "(\w+)",\s+storageClassType: "(\w+)"',
    re.MULTILINE,
)
_MEMBER = re.compile(
    r"^\s*// (\w+) - computed: (true|false), optional: (true|false), required: (true|false)[^\n]*\n"
    r"((?:[^\n]*\n){3})",
    re.MULTILINE,
)
_TYPE_NAME = re.compile(r'tfResourceType = "(\w+)"')
_NESTED = re.compile(r"new (\w+?)(List|OutputReference|Map)\(this,")
_PLAIN: Mapping[str, Type] = {
    "string": "string",
    "boolean": "bool",
    "number": "number",
    "stringList": ["list", "string"],
    "numberList": ["list", "number"],
    "booleanList": ["list", "bool"],
    "stringMap": ["map", "string"],
    "numberMap": ["map", "number"],
    "booleanMap": ["map", "bool"],
    "any": "dynamic",
    "anyMap": "dynamic",
}
_GETTERS: Mapping[str, Type] = {
    "getStringAttribute": "string",
    "getBooleanAttribute": "bool",
    "getNumberAttribute": "number",
    "getListAttribute": ["list", "string"],
    "getNumberListAttribute": ["list", "number"],
    "getStringMapAttribute": ["map", "string"],
    "getAnyMapAttribute": "dynamic",
    "StringMap(": ["map", "string"],
    "BooleanMap(": ["map", "bool"],
    "NumberMap(": ["map", "number"],
}
_NESTING = {"list": "list", "set": "set", "struct": "single", "map": "map"}


class SchemaError(Exception):
    """What of the bindings is not as expected, in one line."""


@dataclass(frozen=True, slots=True)
class Argument:
    """How a binding writes one argument: `kind` is simple, list, set, map or struct."""

    is_block: bool
    kind: str
    storage: str


@dataclass(frozen=True, slots=True)
class Member:
    """What a binding says of one attribute: its flags, and the code that reads it."""

    flags: dict[str, bool]
    code: str


@dataclass(frozen=True, slots=True)
class Binding:
    """The classes of one resource's folder, and how each writes its arguments."""

    classes: Mapping[str, str]
    writers: Mapping[str, Mapping[str, Argument]]
    top: str
    type_name: str = field(default="")


def read(folder: Path) -> tuple[str, Schema]:
    """The type's name and its schema; raises SchemaError for a folder that is no binding."""
    binding = _parsed("\n".join(_source(script) for script in sorted(folder.rglob("*.js"))), folder)
    body = binding.classes[binding.top]
    own = _OWN_WRITER.search(body)
    return binding.type_name, _block(binding, body, _arguments(own[1] if own else ""))


def _source(script: Path) -> str:
    """The TypeScript that a script was made of: its comments tell what is required."""
    _, found, encoded = script.read_text(encoding="utf-8").rpartition(_MAP)
    if not found:
        return ""
    content: str = json.loads(base64.b64decode(encoded.split()[0]))["sourcesContent"][0]
    return content.replace("\r", "")


def _parsed(source: str, folder: Path) -> Binding:
    classes = {found[1]: found[2] for found in _CLASS.finditer(source)}
    tops = [(name, type_) for name, body in classes.items() if (type_ := _TYPE_NAME.search(body))]
    if len(tops) != 1:
        raise SchemaError(f"{folder}: {len(tops)} resources found in it, one expected")
    writers = {found[1].lower(): _arguments(found[2]) for found in _WRITER.finditer(source)}
    return Binding(classes, writers, tops[0][0], tops[0][1][1])


def _arguments(code: str) -> dict[str, Argument]:
    return {
        found[1]: Argument(found[2] == "true", found[3], found[4])
        for found in _ARGUMENT.finditer(code)
    }


def _members(body: str) -> dict[str, Member]:
    flags = ("computed", "optional", "required")
    return {
        found[1]: Member(
            {
                flag: True
                for flag, value in zip(flags, found.groups()[1:4], strict=True)
                if value == "true"
            },
            found[5],
        )
        for found in _MEMBER.finditer(body)
    }


def _block(binding: Binding, body: str, arguments: Mapping[str, Argument]) -> Schema:
    attributes: dict[str, Any] = {}
    blocks: dict[str, Any] = {}
    for name, member in _members(body).items():
        argument = arguments.get(name)
        if argument is not None and argument.is_block:
            blocks[name] = _nested(binding, argument, member)
        else:
            attributes[name] = {"type": _type(binding, argument, member), **member.flags}
            if name.endswith("_wo"):
                attributes[name]["write_only"] = True
    return {"attributes": attributes, "blocks": blocks}


def _nested(binding: Binding, argument: Argument, member: Member) -> dict[str, Any]:
    stem = argument.storage.removesuffix("List") if argument.kind != "struct" else argument.storage
    arguments = binding.writers.get(stem.lower(), {})
    body = binding.classes.get(f"{stem}OutputReference", "")
    block = _block(binding, body, arguments) if body else _unflagged(binding, arguments)
    nested: dict[str, Any] = {"nesting": _NESTING[argument.kind], "block": block}
    if argument.kind != "struct":
        single = _NESTED.search(member.code)
        nested |= {"max": 1} if single and single[2] == "OutputReference" else {}
        nested |= {"min": 1} if member.flags.get("required") else {}
    return nested


def _unflagged(binding: Binding, arguments: Mapping[str, Argument]) -> Schema:
    """A block of a provider's own settings: nothing tells what it requires, so nothing is required."""
    optional = Member({"optional": True}, "")
    attributes = {
        name: {"type": _type(binding, argument, optional), "optional": True}
        for name, argument in arguments.items()
        if not argument.is_block
    }
    blocks = {
        name: _nested(binding, argument, optional)
        for name, argument in arguments.items()
        if argument.is_block
    }
    return {"attributes": attributes, "blocks": blocks}


def _type(binding: Binding, argument: Argument | None, member: Member) -> Type:
    if argument is not None and argument.storage in _PLAIN:
        plain = _PLAIN[argument.storage]
        return ["set", plain[1]] if argument.kind == "set" else plain
    if nested := _NESTED.search(member.code):
        return _objects(binding, nested[1], "set" if "true)" in member.code else "list")
    for getter, found in _GETTERS.items():
        if getter in member.code:
            return ["set", found[1]] if "Fn.tolist" in member.code else found
    raise SchemaError(
        f"{binding.type_name}: the type of an attribute cannot be told: {member.code}"
    )


def _objects(binding: Binding, stem: str, collection: str) -> Type:
    """Objects that a provider fills in: attributes, where blocks are what a user writes."""
    if f"{stem}OutputReference" not in binding.classes:
        plain = next((found for getter, found in _GETTERS.items() if f"{stem}Map(" == getter), None)
        return plain or "dynamic"
    writers = binding.writers.get(stem.lower(), {})
    members = _members(binding.classes[f"{stem}OutputReference"])
    types = {name: _type(binding, writers.get(name), one) for name, one in members.items()}
    return [collection, ["object", types]]
