"""Facts about the forms of files."""

import pytest

from inferswarm.errors import InputError
from inferswarm.sources.formats import FORMATS, TEXT, format_of
from tests.sources.files import rows


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("prompts.txt", "text"),
        ("prompts", "text"),
        ("PROMPTS.JSONL", "JSON lines"),
        ("x.ndjson.zst", "JSON lines"),
        ("x.json.gz", "JSON"),
        ("x.csv", "CSV"),
        ("x.tsv.gz", "TSV"),
        ("x.y.parquet", "Parquet"),
    ],
)
def test_the_ending_of_a_name_tells_the_form(name: str, form: str) -> None:
    """That of compression left out; what is unknown is text."""
    assert format_of(name).name == form


def test_no_ending_belongs_to_two_forms() -> None:
    """Else the order of the table would decide."""
    endings = [suffix for form in FORMATS for suffix in form.suffixes]
    assert len(set(endings)) == len(endings)
    assert TEXT in FORMATS


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.txt", b"PAR1....", "text but looks like Parquet; let its name end in .parquet"),
        ("x.txt", b"PK\x03\x04..", "a zip archive; unpack it"),
        ("x.csv", b"a,b\n\0\0\0", "no text"),
        ("x.txt", b'[{"prompt": 1}]', "JSON; name it .json"),
        ("x.jsonl", b' [\n {"a": 1}]', "JSON lines but looks like JSON; name it .json"),
        ("x.txt", b'[{"id": 1, "conversations": []}]', "inferswarm prompts sharegpt"),
        ("x.txt", b'{"conversations": []}\n', "conversations; `inferswarm prompts sharegpt`"),
        ("x.txt", b'{"prompt": "a"}\n{"prompt": "b"}\n', "JSON lines; name it .jsonl"),
    ],
)
def test_a_file_of_another_form_is_refused(name: str, content: bytes, said: str) -> None:
    """In one line that says what it looks like, and what fits."""
    with pytest.raises(InputError) as refused:
        rows(name, content)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["{curly} braces", "[1] a list", "{}", '{"a": 1} is JSON'])
def test_text_may_look_a_little_like_json(text: str) -> None:
    """A prompt may begin with a brace."""
    assert rows("x.txt", text.encode()) == [text]
