"""What is counted while a source is read: rows that hold a prompt, and rows that do not."""

import re
from dataclasses import dataclass, field

from inferswarm.errors import InputError

HOPELESS = 1_000
"""A source whose first rows are all bad, this many, is not read to its end."""
NAMED = 3


def shown(source: str) -> str:
    """What names a source, without what may be secret in a URL: its password and its query."""
    return re.sub(r"//[^/@\s]*@", "//", source).partition("?")[0] if "://" in source else source


@dataclass(slots=True)
class Tally:
    """Counts of one reading; `name` is what messages call the source, `form` what it must hold."""

    name: str
    form: str = "one prompt a line"
    good: int = 0
    bad: int = 0
    first_bad: list[str] = field(default_factory=list)

    def add(self) -> None:
        """A row held a prompt."""
        self.good += 1

    def leave_out(self, place: str, why: str) -> None:
        """A row holds none; raises InputError when no row so far held one and hope is lost."""
        self.bad += 1
        if len(self.first_bad) < NAMED:
            self.first_bad.append(f"{place}: {why}")
        if not self.good and self.bad >= HOPELESS:
            self.finish()

    def finish(self) -> None:
        """All is read; raises InputError when there was no prompt."""
        if self.good:
            return
        if not self.bad:
            raise InputError(f"{self.name}: no prompt in it; write {self.form}")
        raise InputError(f"{self.name}: no prompt in its {self.bad:,} rows; {self.first_bad[0]}")

    @property
    def told(self) -> str:
        """How many rows were left out and why, with the first of them; empty when none were."""
        if not self.bad:
            return ""
        more = "; ..." if self.bad > len(self.first_bad) else ""
        rows = f"{self.bad:,} rows" if self.bad > 1 else "1 row"
        return f"{rows} without a prompt left out: {'; '.join(self.first_bad)}{more}"
