"""Facts about cutting JSON into objects."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.errors import InputError
from inferswarm.sources import scanner
from inferswarm.sources.scanner import Scanner
from tests.builders import FUZZ
from tests.sources.files import slowly

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=6)


def objects(content: bytes, most: int = 1 << 20) -> tuple[list[bytes], bool]:
    """What is found when so many bytes come at a time, and whether the last one was whole."""
    found = Scanner(slowly(content, most), "x")
    return list(found.objects()), found.ended


@FUZZ
@given(held=OBJECTS, most=st.integers(1, 40), spread=st.booleans(), plain=st.booleans())
def test_each_object_is_found_however_it_comes(
    held: list[dict[str, object]], most: int, *, spread: bool, plain: bool
) -> None:
    """In an array, on one line or several, whatever its texts hold, cut at any place."""
    texts = [json.dumps(one, indent=2 if spread else None, ensure_ascii=plain) for one in held]
    raw = [text.encode("utf-8", "surrogatepass") for text in texts]
    assert objects(b"[" + b",\n".join(raw) + b"]", most) == (raw, True)


@pytest.mark.parametrize("most", [1, 7, 1_000])
def test_objects_need_no_array(most: int) -> None:
    """One after another or a line each, they are found as well."""
    assert objects(b'{"a": 1}\n{"b": "{"} {}', most) == ([b'{"a": 1}', b'{"b": "{"}', b"{}"], True)


@pytest.mark.parametrize("content", [b"", b"[]", b"  [1, 2]  ", b'["a{", "}"]', b"}}"])
def test_what_holds_no_object_gives_none(content: bytes) -> None:
    """Braces within texts are none."""
    assert objects(content, 3) == ([], True)


@pytest.mark.parametrize("content", [b'[{"a": 1}, {"b": [', b'[{"a": 1}, {"b": "x'])
def test_an_object_cut_by_the_end_is_told(content: bytes) -> None:
    """Those before it are found."""
    assert objects(content) == ([b'{"a": 1}'], False)


def test_a_huge_object_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would fill the memory, and is no row."""
    monkeypatch.setattr(scanner, "MOST_BYTES", 1_000)
    with pytest.raises(InputError, match="x: an object of more than"):
        list(Scanner(io.BytesIO(b'{"a": "' + b"x" * 3_000_000), "x").objects())
