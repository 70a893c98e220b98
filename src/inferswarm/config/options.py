"""How one option is declared: name, default, unit and sentence, once.

Everything else (command-line flag, environment variable, file key, documentation) is derived from
the declaration by `config.sources`, `cli.arguments` and the documentation's generator.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A group of options: plain, frozen, and closed to names it does not declare."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def option(
    default: Any,
    sentence: str,
    *,
    flag: str | None = None,
    unit: str = "",
    secret: bool = False,
    **bounds: Any,
) -> Any:
    """Declare one option of a `Section`.

    `flag` is its own command-line flag; every option can be set with `--set section.name=value`.
    `unit` is shown in help and docs. `secret` values are masked wherever they are stored or shown.
    `bounds` are pydantic's: `ge`, `gt`, `le`, `lt`, `min_length`, ...
    """
    return Field(
        default,
        description=sentence,
        json_schema_extra={"flag": flag, "unit": unit, "secret": secret},
        **bounds,
    )
