"""Facts about compressed files."""

import gzip
import io

import pytest
import zstandard

from inferswarm.errors import InputError
from inferswarm.sources.packed import unpacked
from tests.sources.files import rows

TEXT = "".join(f"prompt {n} of many\n" for n in range(50_000)).encode()
PACKED = {
    "gzip": gzip.compress(TEXT),
    "zstd": zstandard.compress(TEXT),
    "zstd stream": b"".join(
        zstandard.ZstdCompressor().compress(TEXT[at : at + 100_000])
        for at in range(0, len(TEXT), 100_000)
    ),
    "gzip members": gzip.compress(TEXT[:1_000]) + gzip.compress(TEXT[1_000:]),
    "plain": TEXT,
}


@pytest.mark.parametrize("kind", PACKED)
def test_the_content_is_that_of_the_plain_file(kind: str) -> None:
    """Whatever its name, and over several frames."""
    with unpacked(io.BytesIO(PACKED[kind])) as content:
        assert content.read() == TEXT


@pytest.mark.parametrize("name", ["x.txt.gz", "x.txt.zst", "x.txt"])
@pytest.mark.parametrize("kind", PACKED)
def test_rows_are_read_through_it(kind: str, name: str) -> None:
    """The first bytes decide, not the ending."""
    found = rows(name, PACKED[kind])
    assert (len(found), found[-1]) == (50_000, "prompt 49999 of many")


@pytest.mark.parametrize("kind", [kind for kind in PACKED if kind != "plain"])
@pytest.mark.parametrize("missing", [1, 5, 3_000])
def test_a_cut_file_is_refused(kind: str, missing: int) -> None:
    """None of it is taken for the whole."""
    with pytest.raises(InputError, match="x: its compressed content is cut or damaged"):
        rows("x", PACKED[kind][:-missing])


@pytest.mark.parametrize(
    "content", [PACKED["gzip"], zstandard.ZstdCompressor(write_checksum=True).compress(TEXT)]
)
def test_a_damaged_file_is_refused(content: bytes) -> None:
    """Also when its end is there."""
    damaged = bytearray(content)
    damaged[100:140] = b"\x00" * 40
    with pytest.raises(InputError, match="cut or damaged"):
        rows("x", bytes(damaged))
