"""Facts about prompts from a text file."""

from pathlib import Path

import pytest

from inferswarm.errors import InputError
from inferswarm.prompts import Prompt
from inferswarm.prompts.text import BUILT_IN, read_prompts


def written(tmp_path: Path, content: bytes) -> str:
    """A file of prompts."""
    path = tmp_path / "prompts.txt"
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize(
    ("content", "prompts"),
    [
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\r\ntwo", ["one", "two"]),
        (b"\n  one  \n\n\t\ntwo\n\n", ["one", "two"]),
        (b"\xef\xbb\xbfone\n", ["one"]),
        ("schön \u2028 hier\nnoch\x0ceins\n".encode(), ["schön \u2028 hier", "noch\x0ceins"]),
    ],
)
def test_a_prompt_a_line(tmp_path: Path, content: bytes, prompts: list[str]) -> None:
    """Blank lines, outer spaces and a byte order mark are no prompt; only line feeds end a line."""
    assert read_prompts(written(tmp_path, content)) == [
        Prompt(text, index) for index, text in enumerate(prompts)
    ]


def test_without_a_file_there_are_built_in_prompts() -> None:
    """Different ones, each a sentence."""
    assert [prompt.text for prompt in read_prompts("")] == list(BUILT_IN)
    assert len(set(BUILT_IN)) == len(BUILT_IN) > 1


def test_bytes_that_are_not_utf_8_are_refused_with_their_line(tmp_path: Path) -> None:
    """The refusal names file, line, byte and remedy."""
    source = written(tmp_path, b"one\ntwo\nthr\xe9e\n")
    with pytest.raises(InputError) as refused:
        read_prompts(source)
    assert f"prompts {source}: line 3 is not UTF-8 (byte 0xe9)" in str(refused.value)
    assert "iconv" in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"\n \n\t\n", b"\xef\xbb\xbf"])
def test_a_file_without_a_prompt_is_refused(tmp_path: Path, content: bytes) -> None:
    """There would be nothing to ask."""
    with pytest.raises(InputError, match="no prompt in it"):
        read_prompts(written(tmp_path, content))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """The refusal names what was given."""
    for source in (str(tmp_path / "none"), str(tmp_path)):
        with pytest.raises(InputError, match=f"prompts {source}: .*one prompt a line"):
            read_prompts(source)
