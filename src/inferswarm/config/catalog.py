"""The options of a tree described for a form: what each is, what it takes, and what it is set to."""

import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from inferswarm.config.options import Section
from inferswarm.config.sources import Option, masked, options_of
from inferswarm.config.units import Duration, Rate


def catalog(
    tree: type[Section],
    usual: Section,
    left_out: typing.Container[str] = (),
    suggested: Mapping[str, Sequence[str]] | None = None,
) -> list[dict[str, Any]]:
    """Each option but those `left_out`, in the order of their declaration.

    `value` is what `usual` sets it to, `default` what it is otherwise; secrets are hidden, and what
    was not set is null. `kind` is one of choice, switch, number, list, mapping and text; `choices` are
    all that a choice takes, or what is `suggested` for an option that takes more.
    """
    suggested = suggested or {}
    values, defaults = masked(usual), masked(tree())
    return [
        _described(option, _at(values, option.key), _at(defaults, option.key))
        | ({"choices": list(suggested[option.key])} if option.key in suggested else {})
        for option in options_of(tree)
        if option.key not in left_out
    ]


def _described(option: Option, value: Any, default: Any) -> dict[str, Any]:
    section, _, name = option.key.rpartition(".")
    return {
        "key": option.key,
        "section": section,
        "name": name,
        "sentence": option.sentence,
        "unit": option.unit,
        "allowed": option.allowed,
        "kind": _kind(option),
        "choices": list(_choices(option)),
        "default": default,
        "value": value,
    }


def _kind(option: Option) -> str:
    if option.is_mapping:
        return "mapping"
    if option.is_list:
        return "list"
    if any(_choices(option)):
        return "choice"
    if bool in option.kinds:
        return "switch"
    plain = {int, float}.intersection(option.kinds) and not {Duration, Rate, str}.intersection(
        option.kinds
    )
    return "number" if plain else "text"


def _choices(option: Option) -> Iterator[str]:
    for kind in option.kinds:
        if typing.get_origin(kind) is Literal:
            yield from map(str, typing.get_args(kind))


def _at(tree: Mapping[str, Any], key: str) -> Any:
    level: Any = tree
    for name in key.split("."):
        level = level[name]
    return level
