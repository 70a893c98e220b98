"""Facts about what several formats do alike."""

import msgspec
import pytest

from inferswarm.adapters import Answer
from inferswarm.adapters.common import decoded, error_text, merged, model_at, told

OURS = {"inputs": "hi", "parameters": {"seed": 1, "details": True}}
_DECODER = msgspec.json.Decoder(dict[str, int])


def test_further_fields_win_and_nested_ones_are_merged() -> None:
    """An object under the nested name changes single fields of ours, at both levels."""
    extra = {"parameters": {"seed": 2, "truncate": 3}, "inputs": "ho"}
    assert merged(OURS, "parameters", extra) == {
        "inputs": "ho",
        "parameters": {"seed": 2, "details": True, "truncate": 3},
    }
    assert OURS["parameters"] == {"seed": 1, "details": True}


def test_a_nested_field_that_is_no_object_replaces_ours() -> None:
    """Who sets it so means it."""
    assert merged(OURS, "parameters", {"parameters": None})["parameters"] is None
    assert merged(OURS, "parameters", {}) == OURS


def test_only_what_is_known_is_told() -> None:
    """None is not sent; 0 and false are values."""
    assert told({"a": None, "b": 0, "c": False, "d": ""}) == {"b": 0, "c": False, "d": ""}


def test_the_first_bad_frame_is_kept() -> None:
    """What cannot be decoded is shown, and what could be is returned."""
    answer = Answer()
    assert decoded(_DECODER, b'{"a": 1}', answer) == {"a": 1}
    assert answer.bad_frame == ""
    for bad in (b'{"a"', b'{"a": "x"}', b'{"\xff": 1}', b"[" * 50_000):
        assert decoded(_DECODER, bad, answer) is None
    assert answer.bad_frame.endswith("""b'{"a"'""")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("busy", "busy"),
        ({"message": "busy", "code": 1}, "busy"),
        ({"code": 1}, "{'code': 1}"),
        ("", "error object without a message"),
        ([], "error object without a message"),
    ],
)
def test_errors_are_told_in_their_own_words(error: object, said: str) -> None:
    """In every form."""
    assert error_text(error) == said


def test_an_error_that_is_too_deep_to_be_shown_is_said_to_be() -> None:
    """Whatever was decoded can be told."""
    deep: object = {}
    for _ in range(50_000):
        deep = {"message": [deep]}
    assert error_text(deep) == "error object nested too deeply"


def test_a_described_model_is_found_by_its_key() -> None:
    """One server, one model."""
    assert model_at(b'{"model_id": "m", "x": [1]}', "model_id") == ["m"]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"7", b'{"model_id": 7}', b'{"model_id": ""}', b"\xff", b"[" * 9000]
)
def test_what_describes_no_model_is_refused(body: bytes) -> None:
    """The refusal shows what came instead."""
    with pytest.raises(ValueError, match="model"):
        model_at(body, "model_id")
