"""Command-line flags derived from the declared options, and the configuration they resolve to."""

import argparse
import difflib
import os
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, TypeVar

from inferswarm.config.options import Section
from inferswarm.config.sources import (
    Given,
    Option,
    from_environment,
    from_file,
    from_set,
    options_of,
    resolve,
)
from inferswarm.errors import InputError

SectionT = TypeVar("SectionT", bound=Section)


class Parser(argparse.ArgumentParser):
    """Refuses with our exit code, in one line that names the nearest valid flag.

    Flags are whole names: an abbreviation of today may be ambiguous tomorrow.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "allow_abbrev": False})

    def error(self, message: str) -> NoReturn:
        """Turn argparse's complaint into an InputError."""
        known = list(self._option_string_actions)
        wrong = [
            word.split("=")[0].rstrip(":,") for word in message.split() if word.startswith("-")
        ]
        near = [hit for word in wrong for hit in difflib.get_close_matches(word, known, 1, 0.6)]
        hint = f"; did you mean {near[0]}?" if near and near[0] not in wrong else ""
        if message.startswith("unrecognized"):  # what follows a wrong flag may be a key
            message = f"unrecognized arguments: {' '.join(wrong) or '***'}"
        raise InputError(f"{message}{hint}; see {self.prog} --help")


def add_commands(
    parser: argparse.ArgumentParser, metavar: str, commands: Iterable[ModuleType]
) -> None:
    """A sub-command, of which one must be given, for each module.

    Each has NAME, SUMMARY, EXAMPLES, `add_arguments` and `execute`.
    """
    actions = parser.add_subparsers(metavar=metavar, required=True, parser_class=Parser)
    for command in commands:
        sub = actions.add_parser(
            command.NAME,
            help=command.SUMMARY,
            description=command.SUMMARY,
            epilog=command.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(sub)
        sub.set_defaults(execute=command.execute, parser=sub)


def add_options(
    parser: argparse.ArgumentParser, tree: type[Section], sections: Sequence[str]
) -> None:
    """A flag for every option that has one of these sections, or of these names, grouped by section."""
    groups: dict[str, Any] = {}
    for option in options_of(tree):
        section = option.key.rpartition(".")[0]
        if option.flag and not {section, option.key}.isdisjoint(sections):
            group = groups.setdefault(section, parser.add_argument_group(section or "options"))
            _add_flag(group, option)


def add_sources(parser: argparse.ArgumentParser) -> None:
    """`--config FILE` and `--set section.name=value`."""
    parser.add_argument(
        "--config", metavar="FILE", type=Path, help="YAML or TOML file with any of the options."
    )
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="assignments",
        help="Any option, as in --set timeouts.first_byte=2m; `inferswarm config` lists them.",
    )


def values_of_file(parsed: argparse.Namespace) -> list[Given]:
    """What the file of `--config` holds, if one is given."""
    return from_file(parsed.config) if parsed.config else []


def configuration(
    tree: type[SectionT],
    parsed: argparse.Namespace,
    files: list[Given] | None = None,
    last: Sequence[Given] = (),
) -> SectionT:
    """Resolve file, environment, flags, `--set` and `last`, in this order; `files` are the file's."""
    flags = [
        Given(option.key, getattr(parsed, option.key), str(option.flag))
        for option in options_of(tree)
        if getattr(parsed, option.key, None) is not None
    ]
    files = values_of_file(parsed) if files is None else files
    return resolve(
        tree,
        [*files, *from_environment(tree, os.environ), *flags, *from_set(parsed.assignments), *last],
    )


def help_of(option: Option) -> str:
    """Sentence, unit and default of an option."""
    default = option.field.default
    shown = "" if default in (None, "", {}, ()) else f" (default: {default})"
    unit = f" [{option.unit}]" if option.unit else ""
    return f"{option.sentence}{unit}{shown}".replace("%", "%%")


def _add_flag(group: Any, option: Option) -> None:
    common: dict[str, Any] = {"dest": option.key, "help": help_of(option), "default": None}
    if option.field.annotation is bool:
        group.add_argument(option.flag, action=argparse.BooleanOptionalAction, **common)
        return
    metavar = option.key.rpartition(".")[2].upper()
    if option.is_list:
        common |= {"action": "append", "help": f"{common['help']} May be given several times."}
    kind = option.field.annotation
    if typing.get_origin(kind) is typing.Literal:
        metavar = "{" + ",".join(map(str, typing.get_args(kind))) + "}"
    group.add_argument(option.flag, metavar=metavar, **common)
