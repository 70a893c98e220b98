"""Quantities with units as people write them: `200ms`, `60s`, `2m`, `1h30m`, `10/s`, `600/min`."""

import re
from decimal import Decimal
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

NS_PER_UNIT = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "min": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(ns|us|µs|ms|min|s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_PLAIN = re.compile(r"\d+(?:\.\d*)?|\.\d+")
_RATE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(?:/\s*(s|sec|second|m|min|minute|h|hour))?")


class Duration(int):
    """A span of time in integer nanoseconds; reads `60s`, `200ms`; a bare number is seconds."""

    ALLOWED = "a duration such as 200ms, 60s, 2m or 1h30m (a bare number is seconds)"

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read what a person wrote; raises ValueError for anything that is not a duration."""
        if isinstance(given, Duration):
            return cls(int(given))
        text = str(given).strip()
        if _PLAIN.fullmatch(text):
            return cls(round(float(text) * NS_PER_UNIT["s"]))
        parts = _PART.findall(text)
        rest = _PART.sub("", text).strip()
        if not parts or rest:
            raise ValueError(f"it must be {cls.ALLOWED}")
        return cls(round(sum(float(number) * NS_PER_UNIT[unit] for number, unit in parts)))

    @property
    def seconds(self) -> float:
        """The same span in seconds."""
        return self / NS_PER_UNIT["s"]

    def __str__(self) -> str:
        """The shortest exact spelling: `2m`, `1500ms`, `0s`."""
        if self == 0:
            return "0s"
        for unit in ("h", "m", "s", "ms", "us"):
            if self % NS_PER_UNIT[unit] == 0:
                return f"{self // NS_PER_UNIT[unit]}{unit}"
        return f"{int(self)}ns"

    __repr__ = __str__

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )


class Rate(float):
    """Events per second; reads `10/s`, `600/min`, `36000/h`; a bare number is per second."""

    ALLOWED = "a rate such as 10/s or 600/min (a bare number is per second)"

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read what a person wrote; raises ValueError for anything that is not a rate."""
        found = _RATE.fullmatch(str(given).strip())
        if not found:
            raise ValueError(f"it must be {cls.ALLOWED}")
        return cls(float(found[1]) / _SECONDS[(found[2] or "s")[0]])

    def __str__(self) -> str:
        """Always per second: `10/s`."""
        return f"{Decimal(repr(float(self))):f}/s".replace(".0/s", "/s")

    __repr__ = __str__

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )
