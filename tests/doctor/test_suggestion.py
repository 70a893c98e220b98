"""Facts about guessing the backend from cheap questions: clues, ranks, and what is no fit."""

from typing import Any

import pytest

from inferswarm.doctor import suggestion
from inferswarm.doctor.seen import Choice
from inferswarm.doctor.suggestion import Told, choices, misfit, with_api
from inferswarm.exchange import Outcome
from tests.builders import failure, record

YES, POST, NO = Told(200), Told(405), Told(404)


def models(owner: str) -> Told:
    """OpenAI's list of one model."""
    return Told(200, {"data": [{"id": "m", "owned_by": owner}]})


@pytest.mark.parametrize(
    ("told", "first"),
    [
        ({"/v1/models": models("vllm")}, "vllm completions"),
        ({"/v1/models": models("vllm"), "/v1/chat/completions": POST}, "vllm chat"),
        (
            {
                "/v1/models": models("vllm"),
                "/v1/chat/completions": POST,
                "/v1/completions": POST,
                "/generate": POST,
            },
            "vllm completions",
        ),
        ({"/v1/models": models("somebody")}, "openai completions"),
        ({"/v1/models": models("sglang")}, "sglang completions"),
        ({"/v1/chat/completions": POST}, "openai chat"),
        ({"/info": Told(200, {"model_id": "m"}), "/v1/models": models("m")}, "tgi generate"),
        (
            {"/get_model_info": Told(200, {"model_path": "m"}), "/v1/models": models("sglang")},
            "sglang generate",
        ),
        (
            {suggestion.TRITON: YES, suggestion.ENSEMBLE: YES, suggestion.LLM_API: YES},
            "tensorrt_llm_triton generate",
        ),
        ({suggestion.TRITON: YES, suggestion.LLM_API: YES}, "tensorrt_llm_triton llmapi"),
        ({"/listall": Told(200, ["/sax/m"]), "/generate": POST}, "sax query"),
        ({"/healthcheck": Told(200, {"response": {"is_live": True}})}, "jetstream generate"),
        ({"/v1/health": Told(200, {"is_live": "True"})}, "jetstream v1"),
        ({suggestion.HEALTH_CALL: YES}, "jetstream grpc"),
        ({"/generate": POST, "/generate_stream": POST}, "tgi generate"),
        ({"/generate": POST}, "vllm generate"),
    ],
)
def test_the_likeliest_route_is_first(told: dict[str, Told], first: str) -> None:
    """Each kind of server by what it answers, with a reason."""
    found = choices(told)
    assert str(found[0]) == first
    assert all(one.reasons for one in found)
    assert len({str(one) for one in found}) == len(found)


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"/v1/models": NO, "/generate": NO},
        {"/v1/models": Told(200, {"data": "x"}), "/info": Told(200, [1])},
        {suggestion.TRITON: Told(200), suggestion.ENSEMBLE: NO},
    ],
)
def test_nothing_is_guessed_from_nothing(told: dict[str, Told]) -> None:
    """Odd answers are no clue."""
    assert choices(told) == []


@pytest.mark.parametrize(
    ("value", "model"),
    [
        (["/sax/a", "/sax/b"], "/sax/a"),
        ({"models": ["/sax/a"]}, "/sax/a"),
        ({"a": 1}, "a"),
        (1, ""),
    ],
)
def test_saxs_list_gives_a_model(value: Any, model: str) -> None:
    """Whatever form the list has, its first text is a model to try."""
    assert choices({"/listall": Told(200, value)})[0].model == model


def test_an_api_that_was_named_chooses_among_the_backends_that_have_it() -> None:
    """The likeliest first, each once."""
    found = [Choice("tgi", "generate", 10), Choice("vllm", "chat", 9), Choice("openai", "chat", 5)]
    assert [str(one) for one in with_api(found, "chat")] == ["tgi chat", "vllm chat", "openai chat"]
    assert [str(one) for one in with_api(found, "generate")] == ["tgi generate", "vllm generate"]
    assert with_api(found, "nothing") == []


@pytest.mark.parametrize(
    ("ended", "points", "other"),
    [
        (record(), 9, False),
        (failure(Outcome.HTTP_STATUS, status=404), 9, True),
        (failure(Outcome.HTTP_STATUS, status=422), 9, True),
        (failure(Outcome.HTTP_STATUS, status=500), 9, False),
        (failure(Outcome.HTTP_STATUS, status=500), 1, True),
        (failure(Outcome.HTTP_STATUS, status=503), 1, False),
        (failure(Outcome.BAD_FRAME), 9, True),
        (failure(Outcome.TIMEOUT_FIRST_BYTE), 9, False),
        (None, 9, False),
    ],
)
def test_a_busy_server_is_no_misfit(ended: Any, points: int, *, other: bool) -> None:
    """Only answers that speak of another format let the next one be tried."""
    assert misfit(ended, Choice("vllm", "chat", points)) is other
