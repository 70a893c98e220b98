"""From file, environment, flags and `--set` to a checked configuration.

Later sources win: defaults, file, environment, flags, `--set`. Every value remembers where it came
from, so that a refusal can say: where, which key, what was given, what is allowed, what was meant.
"""

import re
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from inferswarm.config.hidden import HIDDEN, hidden, is_secret
from inferswarm.config.options import Section
from inferswarm.config.tree import ALIASES, ENVIRONMENT_ALIASES
from inferswarm.config.units import Duration, Rate
from inferswarm.errors import InputError
from inferswarm.nearest import did_you_mean, nearest

ENVIRONMENT_PREFIX = "INFERSWARM_"
SectionT = TypeVar("SectionT", bound=Section)


@dataclass(frozen=True, slots=True)
class Option:
    """One declared option of a tree, by its dotted key."""

    key: str
    field: FieldInfo

    @property
    def _extra(self) -> dict[str, Any]:
        return typing.cast("dict[str, Any]", self.field.json_schema_extra or {})

    @property
    def flag(self) -> str | None:
        """Its own command-line flag, if it has one."""
        return typing.cast("str | None", self._extra.get("flag"))

    @property
    def unit(self) -> str:
        """Unit of plain numbers."""
        return str(self._extra.get("unit", ""))

    @property
    def secret(self) -> bool:
        """Whether the value must never be shown or stored."""
        return bool(self._extra.get("secret"))

    @property
    def sentence(self) -> str:
        """What it is."""
        return self.field.description or ""

    @property
    def environment(self) -> str:
        """Its environment variable."""
        return ENVIRONMENT_PREFIX + self.key.replace(".", "_").upper()

    @property
    def kinds(self) -> tuple[Any, ...]:
        """The types it takes, None left out."""
        given = self.field.annotation
        if typing.get_origin(given) in (typing.Union, types.UnionType):
            return tuple(kind for kind in typing.get_args(given) if kind is not type(None))
        return (given,)

    @property
    def allowed(self) -> str:
        """What may be given, in words."""
        return " or ".join(self._allowed(kind) for kind in self.kinds)

    def takes_text(self, key: str) -> bool:
        """Whether what is typed for `key` is text even if it looks like a number."""
        if key == self.key:
            return not {bool, int, float}.intersection(self.kinds) and not self.is_mapping
        return any(typing.get_args(kind)[1:] == (str,) for kind in self.kinds)

    @property
    def is_mapping(self) -> bool:
        """Whether it holds names of the user's own."""
        return any(typing.get_origin(kind) is dict for kind in self.kinds)

    @property
    def is_list(self) -> bool:
        """Whether it holds several texts."""
        return any(typing.get_origin(kind) is tuple for kind in self.kinds)

    def _allowed(self, kind: Any) -> str:
        if typing.get_origin(kind) is Literal:
            return "one of " + ", ".join(map(str, typing.get_args(kind)))
        if typing.get_origin(kind) is dict:
            return "a mapping of names to values"
        if typing.get_origin(kind) is tuple:
            return "a text or a list of them; one text may hold several, with commas between"
        if kind in (Duration, Rate):
            return str(kind.ALLOWED)
        names = {int: "a whole number", float: "a number", bool: "true or false", Path: "a path"}
        return " ".join(filter(None, [names.get(kind, "text"), *self._bounds()]))

    def _bounds(self) -> Iterator[str]:
        words = {"ge": "of at least", "gt": "above", "le": "and at most", "lt": "and below"}
        for bound in self.field.metadata:
            for name, word in words.items():
                if getattr(bound, name, None) is not None:
                    yield f"{word} {getattr(bound, name)}"


@dataclass(frozen=True, slots=True)
class Given:
    """One value as somebody gave it, and where; `text` is how it was typed, if it was typed."""

    key: str
    value: Any
    origin: str
    text: str | None = None


def options_of(tree: type[Section], prefix: str = "") -> Iterator[Option]:
    """All options of a tree, in the order of their declaration."""
    for name, field in tree.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from options_of(kind, f"{prefix}{name}.")
        else:
            yield Option(f"{prefix}{name}", field)


def from_file(path: Path) -> list[Given]:
    """Values of a YAML or TOML file; refuses what cannot be read or is no mapping."""
    try:
        text = path.read_text(encoding="utf-8")
        tree = tomllib.loads(text) if path.suffix == ".toml" else yaml.safe_load(text)
    except OSError as error:
        raise InputError(f"configuration file {path}: {error.strerror}; check the path") from None
    except (tomllib.TOMLDecodeError, yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"configuration file {path}: {_syntax(error)}") from None
    return from_mapping(tree, f"configuration file {path}", str(path))


def from_mapping(tree: object, what: str, origin: str) -> list[Given]:
    """Values of `what` as it was read; refuses what is no mapping. Old names become today's."""
    if tree is None:
        return []
    if not isinstance(tree, dict):
        raise InputError(f"{what}: must be a mapping of sections")
    return [Given(ALIASES.get(key, key), value, origin) for key, value in _two_levels(tree)]


def _syntax(error: Exception) -> str:
    """What a parser found wrong and where, without the line itself: it may hold a key."""
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 at byte {error.start}"
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        what = getattr(error, "problem", "") or "not understood"
        return f"not valid YAML: {what} in line {mark.line + 1}"
    where = re.search(r"at (line \d+|end of document)", str(error))
    return f"not valid TOML {where[0] if where else ''}".strip()


def from_environment(tree: type[Section], environment: Mapping[str, str]) -> list[Given]:
    """Values of INFERSWARM_* variables and of the old tool's names for them."""
    options = {option.environment: option.key for option in options_of(tree)}
    keys = set(options.values())
    old = {name: key for name, key in ENVIRONMENT_ALIASES.items() if key in keys}
    given = [
        Given(key, environment[name], f"environment {name}")
        for name, key in {**old, **options}.items()
        if environment.get(name)
    ]
    return [Given(one.key, _plain(one.value), one.origin, one.value) for one in given]


def from_set(assignments: list[str]) -> list[Given]:
    """Values of `--set section.name=value`."""
    given = []
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--set {text}: must be section.name=value, as in --set load.users=8")
        given.append(Given(key.strip(), _plain(value), "--set", value))
    return given


def resolve(tree: type[SectionT], givens: list[Given]) -> SectionT:
    """Check all values and build the configuration; later ones win."""
    options = {option.key: option for option in options_of(tree)}
    chosen: dict[str, Given] = {}
    for given in givens:
        key = ALIASES.get(given.key, given.key)
        option = _option_of(key, options)
        if option is None:
            raise InputError(_unknown(given, list(options)))
        value = given.text if given.text is not None and option.takes_text(key) else given.value
        chosen.pop(key, None)
        chosen[key] = Given(key, value, given.origin)
    try:
        return tree.model_validate(_nested(chosen, options))
    except ValidationError as error:
        raise InputError(_refusal(error, options, chosen)) from None


def masked(config: Section) -> dict[str, Any]:
    """The resolved configuration as plain values, secrets as `***`."""
    tree = config.model_dump(mode="json")
    for option in options_of(type(config)):
        *sections, name = option.key.split(".")
        level = tree
        for section in sections:
            level = level[section]
        if option.is_mapping:
            level[name] = hidden(level[name], everything=option.secret)
        elif option.secret and level[name] not in (None, ""):
            level[name] = HIDDEN
        elif isinstance(level[name], str) and "://" in level[name]:
            level[name] = re.sub(r"\?.*", f"?{HIDDEN}", level[name])  # a signed URL's signature
    return tree


def _shown(value: Any, name: str = "") -> str:
    """A value in a message: no secret, no tree, no password or query of a URL."""
    if isinstance(value, dict | list):
        return f"a {'mapping' if isinstance(value, dict) else 'list'}"
    if is_secret(name.rpartition(".")[2]):
        return HIDDEN
    return re.sub(r"\?[^\s']*", "?***", re.sub(r"//[^/@\s]*@", "//***@", repr(value)))


def _two_levels(tree: dict[Any, Any]) -> Iterator[tuple[str, Any]]:
    """(`section.name`, value) of a file; what a value holds is the option's own."""
    for section, inner in tree.items():
        if not isinstance(inner, dict):
            yield str(section), inner
            continue
        for name, value in inner.items():
            if value is not None:
                yield f"{section}.{name}", value


def _option_of(key: str, options: dict[str, Option]) -> Option | None:
    """The option that a key sets: itself, or a name in a mapping."""
    if key in options:
        return options[key]
    return next(
        (
            option
            for name, option in options.items()
            if option.is_mapping and key.startswith(f"{name}.")
        ),
        None,
    )


def _nested(chosen: dict[str, Given], options: dict[str, Option]) -> dict[str, Any]:
    """The values as a tree; names within a mapping are added to it, whatever dots they have."""
    tree: dict[str, Any] = {}
    for key, given in chosen.items():
        option = typing.cast("Option", _option_of(key, options))
        *sections, last = option.key.split(".")
        level = tree
        for name in sections:
            level = level.setdefault(name, {})
        if key == option.key:
            level[last] = given.value
            continue
        held = level.get(last, {})
        if not isinstance(held, dict):
            raise InputError(
                f"{given.origin}: {key} cannot be set in {option.key}, which is no mapping"
            )
        level[last] = {**held, key.removeprefix(f"{option.key}."): given.value}
    return tree


def _plain(text: str) -> Any:
    """A value typed in a shell, as YAML would read it, but durations and the like stay text."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return value if isinstance(value, bool | int | float | dict) else text


def _unknown(given: Given, known: list[str]) -> str:
    last = {key.rsplit(".", 1)[-1]: key for key in known}
    hint = did_you_mean(given.key, known)
    if not hint and (name := nearest(given.key.rsplit(".", 1)[-1], last)):
        hint = f"; did you mean {last[name]}?"
    hint = hint or "; see `inferswarm config` for all options"
    return f"{given.origin}: unknown option {given.key} (given: {_shown(given.value, given.key)}){hint}"


def _refusal(error: ValidationError, options: dict[str, Option], chosen: dict[str, Given]) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    own_words = first["msg"].removeprefix("Value error, ")
    option = next((one for one in options.values() if f"{key}.".startswith(f"{one.key}.")), None)
    if option is None:
        given = [
            f"{name}={_shown(one.value, name)}"
            for name, one in chosen.items()
            if name.startswith(f"{key}.")
        ]
        return f"{key or 'configuration'}: {own_words} (given: {', '.join(given) or 'nothing'})"
    sources = [one for name, one in chosen.items() if f"{name}.".startswith(f"{option.key}.")]
    origin = sources[-1].origin if sources else "default"
    shown = sources[-1].value if sources else first["input"]
    hides = option.secret or (option.is_mapping and not isinstance(shown, dict | list))
    choices = [str(one) for kind in option.kinds for one in typing.get_args(kind)]
    allowed = own_words if own_words != first["msg"] else f"allowed: {option.allowed}"
    return (
        f"{origin}: {option.key} was given {HIDDEN if hides else _shown(shown)}; "
        f"{allowed}{did_you_mean(str(shown), choices)}"
    )
