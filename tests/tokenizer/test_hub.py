"""Facts about models at the hub: who asks, what is kept, and what is said when it does not work."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from inferswarm.errors import InputError
from inferswarm.tokenizer.hub import identity
from inferswarm.tokenizer.process import TokenizerProcess
from tests.tokenizer.hub_server import Hub, running
from tests.tokenizer.making import (
    SPECIAL,
    byte_tokenizer,
    ranks_file,
    sentencepiece_model,
    word_tokenizer,
)

NAME = "org/model"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that the library asks, with an empty cache and nobody's token."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    with running() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


def counts(name: str = NAME) -> list[int]:
    """What a process of the tokenizer counts; the library reads its environment when it starts."""
    with TokenizerProcess(name) as tokenizer:
        return tokenizer.count(["bal dem"])


def why(name: str = NAME) -> str:
    """The line that says why it could not be loaded."""
    with pytest.raises(InputError) as raised, TokenizerProcess(name):
        pass
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_model_is_fetched_once_and_then_needs_no_network(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the cache without the hub, and when the user forbids to ask it."""
    hub.files[f"{NAME}/tokenizer.json"] = word_tokenizer(tmp_path / "tokenizer.json").read_bytes()
    hub.files[f"{NAME}/tokenizer_config.json"] = b'{"eos_token": "bal"}'
    with TokenizerProcess(NAME) as tokenizer:
        assert len(tokenizer.special_ids) == 3
    asked = len(hub.seen)

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert counts() == [2]
    assert len(hub.seen) == asked
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert counts() == [2]


@pytest.mark.parametrize(
    ("file", "make"),
    [("tokenizer.model", sentencepiece_model), ("qwen.tiktoken", ranks_file)],
)
def test_a_model_without_tokenizer_json_has_another_file(
    hub: Hub, tmp_path: Path, file: str, make: object
) -> None:
    """Asked for one after the other."""
    assert callable(make)
    hub.files[f"{NAME}/{file}"] = make(tmp_path / file).read_bytes()

    assert counts(f"{NAME}@v1") == [2 if make is sentencepiece_model else 7]


def test_a_gated_model_needs_the_right_token(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one, and with another's, the line says who asked and what to do."""
    hub.files[f"{NAME}/tokenizer.json"] = byte_tokenizer(tmp_path / "t.json").read_bytes()
    hub.gated[NAME] = "right"

    assert why() == (
        "tokenizer org/model: the model is gated (asked without a token): accept its terms on its page "
        "with your account, and set HF_TOKEN to one that may read it"
    )
    monkeypatch.setenv("HUGGING_FACE_HUB_TOKEN", "wrong")
    assert "asked with the token in HUGGING_FACE_HUB_TOKEN" in why()
    (tmp_path / "secret").write_text("right\n")
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN")
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "secret"))
    assert counts() == [7]
    assert hub.seen[-1][1] == "Bearer right"


@pytest.mark.slow
def test_what_the_hub_does_not_have_is_one_line(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model, a revision, a tokenizer in it, a right; what the cache does not have; a bad name."""
    hub.files[f"{NAME}/weights"] = b""
    hub.closed.add("org/closed")

    assert "no such model, folder or file, or the model is private" in why("org/nowhere")
    assert "the model has none of tokenizer.json, " in why()
    assert "the model has no such revision" in why(f"{NAME}@v7")
    assert "the hub answered with status 403 (asked without a token)" in why("org/closed")
    assert "tokenizer a b/c/d: " in why("a b/c/d")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "not in the cache, and HF_HUB_OFFLINE forbids to fetch it" in why()


@pytest.mark.slow
def test_a_hub_that_is_away_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once its library has given up, which takes it half a minute."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "not in the cache, and http://127.0.0.1:9 cannot be reached" in why()


def test_a_variable_goes_before_a_file(tmp_path: Path) -> None:
    """HF_TOKEN, the older name, a named file, a mounted one; none is nobody."""
    mounted, named = tmp_path / "mounted", tmp_path / "named"
    mounted.write_text("m\n")
    named.write_text("n")
    steps = {"HF_TOKEN_PATH": str(named), "HUGGING_FACE_HUB_TOKEN": "h", "HF_TOKEN": " t "}
    environment = {"HF_TOKEN": ""}

    found = [identity(environment, mounted)]
    for name, value in steps.items():
        environment[name] = value
        found.append(identity(environment, mounted))
    assert [who.token for who in found] == ["m", "n", "h", "t"]
    assert [who.words.rpartition(" ")[2] for who in found] == [
        str(mounted),
        str(named),
        "HUGGING_FACE_HUB_TOKEN",
        "HF_TOKEN",
    ]
    assert identity({}, tmp_path / "nowhere").token == ""


def test_a_named_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """The model would else be asked for as nobody, without a word."""
    with pytest.raises(InputError, match=r"nowhere: no token can be read: .*HF_TOKEN_PATH"):
        identity({"HF_TOKEN_PATH": str(tmp_path / "nowhere")})


def test_special_tokens_are_as_they_are_written(hub: Hub, tmp_path: Path) -> None:
    """The whole way: fetched, encoded and decoded in the process."""
    hub.files[f"{NAME}/tokenizer.json"] = byte_tokenizer(tmp_path / "t.json").read_bytes()

    with TokenizerProcess(NAME) as tokenizer:
        assert tokenizer.decode(tokenizer.encode([f"é{SPECIAL}"])) == [f"é{SPECIAL}"]
