"""A made-up file of conversations in ShareGPT's form, with the quirks that such files have.

`python -m tests.sources.sharegpt_file PATH [COUNT]` writes one; the same COUNT gives the same file.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

COUNT = 50_000
HUMANS = ("human", "human", "human", "user")
ANSWERERS = ("gpt", "gpt", "gpt", "assistant", "bing", "chatgpt", "bard")
_WORDS = (
    *("the", "a", "please", "write", "explain", "code", "why", "table", "story", "value", "list"),
    *(
        "schön",
        "naïve",
        "日本語",
        "Привет",
        "مرحبا",
        "🙂",
        "👩\N{ZERO WIDTH JOINER}💻",
        "e\N{COMBINING ACUTE ACCENT}",
    ),
    *('"quoted"', "{brace}", "[list]", "back\\slash", "tab\there", "<b>bold</b>", "&amp;"),
)
_HTML = (
    '<div class="flex"><p>Sure!</p><pre><code class="hljs">print(&quot;hi&quot;)</code></pre></div>'
)


@dataclass(frozen=True, slots=True)
class Made:
    """A conversation, and what must become of it: its prompt, or None when it is of no use."""

    row: dict[str, Any]
    prompt: str | None
    readable: bool = True


def conversations(count: int = COUNT, seed: int = 0) -> Iterator[Made]:
    """Conversations one after another, quirks mixed among them."""
    draw, earlier = Random(seed), _usual(Random(seed), 0, 2)
    for number in range(count):
        kind = draw.random()
        if kind < 0.03:
            made = earlier
        elif kind < 0.20:
            made = _odd(draw, number)
        else:
            made = earlier = _usual(draw, number, draw.choice((2, 2, 4, 6, 10)))
        yield made


def write(path: Path, count: int = COUNT) -> list[Made]:
    """One JSON array, some objects over several lines; what is in it."""
    made = list(conversations(count))
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for number, one in enumerate(made):
            indent = 2 if number % 5 == 0 else None
            file.write(",\n " if number else "\n ")
            file.write(json.dumps(one.row, ensure_ascii=number % 3 == 0, indent=indent))
        file.write("\n]\n")
    return made


def _usual(draw: Random, number: int, turns: int) -> Made:
    said = [_text(draw) for _ in range(turns)]
    pairs = [(_human(draw) if at % 2 == 0 else _answerer(draw), one) for at, one in enumerate(said)]
    return Made(_row(number, pairs), said[0])


def _odd(draw: Random, number: int) -> Made:
    """One of the quirks."""
    ask, answer = _text(draw), _text(draw)
    human, gpt = _human(draw), _answerer(draw)
    talk = [(human, ask), (gpt, answer)]
    row = _row(number, talk)
    odd = (
        Made(_row(number, [("system", "You are helpful."), *talk]), ask),
        Made(_row(number, [(human, ""), (gpt, "  \n "), *talk]), ask),
        Made(_row(number, [(gpt, answer), *talk]), ask),
        Made(_row(number, [(human, ask)]), None),
        Made(_row(number, [(human, ask), (gpt, "")]), None),
        Made(_row(number, []), None),
        Made(_row(number, [(gpt, answer), ("bing", _HTML)]), None),
        Made(
            _row(number, [(human, f"{ask}\r\n\r\n{_HTML}"), (gpt, _HTML)]), f"{ask}\r\n\r\n{_HTML}"
        ),
        Made(_row(number, [(human, long := f"{ask} " * 120), (gpt, answer)]), long),
        Made({"id": f"talk-{number}"}, None, readable=False),
        Made({"conversations": row["conversations"]}, ask),
        Made(
            {"id": number, "conversations": [{"value": "nobody says this"}, *row["conversations"]]},
            ask,
        ),
    )
    return draw.choice(odd)


def _row(number: int, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    said = [{"from": who, "value": what} for who, what in pairs]
    return {"id": f"talk-{number}", "conversations": said}


def _human(draw: Random) -> str:
    return draw.choice(HUMANS)


def _answerer(draw: Random) -> str:
    return draw.choice(ANSWERERS)


def _text(draw: Random) -> str:
    words = draw.choices(_WORDS, k=max(1, int(draw.lognormvariate(3, 1))))
    return "\n".join(" ".join(words[at : at + 12]) for at in range(0, len(words), 12))


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else COUNT)
