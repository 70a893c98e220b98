"""A Terraform provider that knows its schema and nothing else.

`python provider.py DEFINITION.json SOCKET` serves plugin protocol 6, so that `terraform validate`,
`plan`, `test` and `apply` run for real on a machine that cannot download providers. A plan marks what
the provider would fill in as unknown; an apply fills it with made-up values; data sources answer what
the definition says. No cloud, no cluster. It says `ready` and serves until it is ended.
"""

import json
import sys
from collections.abc import Callable, Mapping
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import grpc  # type: ignore[import-untyped,import-not-found,unused-ignore]
import msgpack  # type: ignore[import-untyped,import-not-found,unused-ignore]
import wire

Value = Any
UNKNOWN = msgpack.ExtType(0, b"\0")
NESTING = {"single": 1, "list": 2, "set": 3, "map": 4}
MOST_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Definition:
    """Schemas by type name, and what data sources answer besides made-up values."""

    provider: Mapping[str, Any]
    resources: Mapping[str, Any]
    data_sources: Mapping[str, Any]
    ephemeral: Mapping[str, Any]
    answers: Mapping[str, Any]


def schema_message(schema: Mapping[str, Any]) -> bytes:
    """A schema as Terraform reads it."""
    return wire.text(2, _block_message(schema))


def _block_message(block: Mapping[str, Any]) -> bytes:
    attributes = b"".join(
        wire.text(2, _attribute_message(name, one))
        for name, one in sorted(block["attributes"].items())
    )
    return attributes + b"".join(
        wire.text(3, _nested_message(name, one)) for name, one in sorted(block["blocks"].items())
    )


def _attribute_message(name: str, attribute: Mapping[str, Any]) -> bytes:
    flags = {4: "required", 5: "optional", 6: "computed", 11: "write_only"}
    return (
        wire.text(1, name)
        + wire.text(2, json.dumps(attribute["type"]))
        + b"".join(wire.number(tag, attribute.get(flag, False)) for tag, flag in flags.items())
    )


def _nested_message(name: str, nested: Mapping[str, Any]) -> bytes:
    return (
        wire.text(1, name)
        + wire.text(2, _block_message(nested["block"]))
        + wire.number(3, NESTING[nested["nesting"]])
        + wire.number(4, nested.get("min", 0))
        + wire.number(5, nested.get("max", 0))
    )


def planned(block: Mapping[str, Any], value: Value, *, fresh: bool) -> Value:
    """What is planned: write-only values are dropped, what the provider decides is unknown."""
    return _walked(block, value, lambda one, given: _planned(one, given, fresh=fresh))


def _planned(attribute: Mapping[str, Any], given: Value, *, fresh: bool) -> Value:
    if attribute.get("write_only"):
        return None
    return UNKNOWN if given is None and attribute.get("computed") and fresh else given


def filled(block: Mapping[str, Any], value: Value, answers: Mapping[str, Any]) -> Value:
    """What is there afterwards: made-up values for what was unknown, or what `answers` says."""
    result = _walked(block, value, _filled)
    if isinstance(result, dict):
        given = {name: text for name, text in result.items() if isinstance(text, str)}
        result |= {
            name: _encoded(block["attributes"][name]["type"], _substituted(answer, given))
            for name, answer in answers.items()
        }
    return result


def _filled(attribute: Mapping[str, Any], given: Value) -> Value:
    return _made_up(attribute["type"]) if isinstance(given, msgpack.ExtType) else given


def _made_up(kind: Any) -> Value:
    if isinstance(kind, list):
        return {} if kind[0] == "map" else []
    return {"string": "made-up", "number": 1, "bool": False}.get(kind)


def _encoded(kind: Any, value: Value) -> Value:
    """Of a value whose type is not fixed, the type goes along."""
    return [json.dumps(_type_of(value)).encode(), value] if kind == "dynamic" else value


def _type_of(value: Value) -> Any:
    if isinstance(value, dict):
        return ["object", {name: _type_of(one) for name, one in value.items()}]
    if isinstance(value, list):
        return ["tuple", [_type_of(one) for one in value]]
    return "bool" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"


def _substituted(answer: Value, given: Mapping[str, str]) -> Value:
    if isinstance(answer, str):
        return Template(answer).safe_substitute(given)
    if isinstance(answer, list):
        return [_substituted(one, given) for one in answer]
    if isinstance(answer, dict):
        return {name: _substituted(one, given) for name, one in answer.items()}
    return answer


def _walked(
    block: Mapping[str, Any], value: Value, change: Callable[[Mapping[str, Any], Value], Value]
) -> Value:
    if not isinstance(value, dict):
        return value
    attributes = {name: change(one, value.get(name)) for name, one in block["attributes"].items()}
    blocks = {
        name: [_walked(one["block"], inner, change) for inner in found]
        if isinstance(found := value.get(name), list)
        else _walked(one["block"], found, change)
        for name, one in block["blocks"].items()
    }
    return attributes | blocks


def decoded(message: wire.Fields, tag: int) -> Value:
    """The value in a DynamicValue field; None where there is none."""
    packed = wire.fields(message[tag][0]).get(1) if tag in message else None
    unpack = {"ext_hook": msgpack.ExtType, "strict_map_key": False}
    return msgpack.unpackb(packed[0], **unpack) if packed else None


def dynamic(tag: int, value: Value) -> bytes:
    """A DynamicValue field."""
    return wire.text(tag, wire.text(1, msgpack.packb(value)))


@dataclass(frozen=True, slots=True)
class Provider:
    """The calls that Terraform makes: each takes a request's fields and gives a reply's bytes."""

    definition: Definition

    def get_provider_schema(self, _: wire.Fields) -> bytes:
        """Everything there is, by type name."""
        known = self.definition
        kinds = {2: known.resources, 3: known.data_sources, 8: known.ephemeral}
        return wire.text(1, schema_message(known.provider)) + b"".join(
            wire.entry(tag, name, schema_message(schema))
            for tag, schemas in kinds.items()
            for name, schema in schemas.items()
        )

    def upgrade_resource_state(self, request: wire.Fields) -> bytes:
        """The stored state as it is."""
        stored = wire.fields(request[3][0])[1][0]
        return wire.text(1, wire.text(2, stored))

    def read_resource(self, request: wire.Fields) -> bytes:
        """Nothing changes by itself."""
        return wire.text(1, request[2][0])

    def plan_resource_change(self, request: wire.Fields) -> bytes:
        """What is asked for, with the provider's own part unknown where it is new."""
        block = self.definition.resources[_name(request)]
        fresh = decoded(request, 2) is None
        return dynamic(1, planned(block, decoded(request, 3), fresh=fresh))

    def apply_resource_change(self, request: wire.Fields) -> bytes:
        """What was planned, with the unknown made up."""
        block = self.definition.resources[_name(request)]
        return dynamic(1, filled(block, decoded(request, 3), {}))

    def read_data_source(self, request: wire.Fields) -> bytes:
        """The definition's answer."""
        name = _name(request)
        return dynamic(1, self._read(name, self.definition.data_sources[name], decoded(request, 2)))

    def open_ephemeral_resource(self, request: wire.Fields) -> bytes:
        """The same, for what is never stored."""
        name = _name(request)
        return dynamic(3, self._read(name, self.definition.ephemeral[name], decoded(request, 2)))

    def nothing(self, _: wire.Fields) -> bytes:
        """An empty reply: no complaint."""
        return b""

    def _read(self, name: str, block: Mapping[str, Any], config: Value) -> Value:
        answers = self.definition.answers.get(name, {})
        return filled(block, planned(block, config, fresh=True), answers)


def _name(request: wire.Fields) -> str:
    return request[1][0].decode()


def _handler(provider: Provider) -> grpc.GenericRpcHandler:
    calls = {
        "GetProviderSchema": provider.get_provider_schema,
        "UpgradeResourceState": provider.upgrade_resource_state,
        "ReadResource": provider.read_resource,
        "PlanResourceChange": provider.plan_resource_change,
        "ApplyResourceChange": provider.apply_resource_change,
        "ReadDataSource": provider.read_data_source,
        "OpenEphemeralResource": provider.open_ephemeral_resource,
    }
    quiet = (
        "ValidateProviderConfig",
        "ValidateResourceConfig",
        "ValidateDataResourceConfig",
        "ValidateEphemeralResourceConfig",
        "CloseEphemeralResource",
        "ConfigureProvider",
        "StopProvider",
    )
    calls |= dict.fromkeys(quiet, provider.nothing)
    return grpc.method_handlers_generic_handler(
        "tfplugin6.Provider", {name: _unary(call) for name, call in calls.items()}
    )


def _unary(call: Callable[[wire.Fields], bytes]) -> grpc.RpcMethodHandler:
    return grpc.unary_unary_rpc_method_handler(lambda request, _: call(wire.fields(request)))


def main() -> None:
    """Serves until it is ended."""
    definition = Definition(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    limits = [("grpc.max_receive_message_length", MOST_BYTES), ("grpc.max_send_message_length", -1)]
    server = grpc.server(futures.ThreadPoolExecutor(4), options=limits)
    server.add_generic_rpc_handlers([_handler(Provider(definition))])
    server.add_insecure_port(f"unix://{sys.argv[2]}")
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
