"""Facts about the tokenizer process: the same counts as here, batch by batch, and no orphan."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from inferswarm.errors import InferswarmError, InputError
from inferswarm.tokenizer import load_tokenizer
from inferswarm.tokenizer.process import BATCH_ITEMS, BATCH_SIZE, TokenizerProcess, batches
from tests.tokenizer.making import WORDS, byte_tokenizer, sentencepiece_model, word_tokenizer


def test_it_counts_encodes_and_decodes_as_the_tokenizer_does(tmp_path: Path) -> None:
    """In the order of the texts, over several batches, with word of each."""
    path = str(byte_tokenizer(tmp_path / "tokenizer.json"))
    texts = [f"text {at} é" * (at % 5) for at in range(2 * BATCH_ITEMS + 7)]
    here = load_tokenizer(path)
    done: list[int] = []
    with TokenizerProcess(path) as there:
        counts = there.count(texts, done.append)
        ids = there.encode(texts)
        back = there.decode(ids)

        assert (there.name, there.vocabulary_size) == (path, here.vocabulary_size)
        assert there.special_ids == here.special_ids
    assert counts == here.count(texts)
    assert ids == here.encode(texts)
    assert back == texts
    assert done == [BATCH_ITEMS, 2 * BATCH_ITEMS, len(texts)]


def test_nothing_to_count_asks_nothing(tmp_path: Path) -> None:
    """An empty list is not even a batch."""
    with TokenizerProcess(str(sentencepiece_model(tmp_path / "tokenizer.model"))) as tokenizer:
        assert tokenizer.count([], lambda _: pytest.fail("there was none")) == []


def test_half_a_character_is_counted_as_a_question_mark(tmp_path: Path) -> None:
    """JSON may bring lone surrogates, which no tokenizer takes."""
    with TokenizerProcess(str(byte_tokenizer(tmp_path / "tokenizer.json"))) as tokenizer:
        assert tokenizer.decode(tokenizer.encode(["a\ud800é"])) == ["a?é"]


def test_what_cannot_be_done_is_said_and_the_next_can(tmp_path: Path) -> None:
    """An id that no token has: one line, and the process goes on."""
    path = str(sentencepiece_model(tmp_path / "tokenizer.model"))
    with TokenizerProcess(path) as tokenizer:
        with pytest.raises(InputError, match=f"^tokenizer {path}: decode: ") as raised:
            tokenizer.decode([[10**9]])
        assert "\n" not in str(raised.value)
        assert tokenizer.count([WORDS[0]]) == [1]


def test_a_tokenizer_that_cannot_be_loaded_is_refused_when_entering() -> None:
    """In the words of the loader; nothing stays behind."""
    process = TokenizerProcess("/nowhere/at/all")
    with pytest.raises(InputError, match=r"^tokenizer /nowhere/at/all: no such file or folder"):
        process.__enter__()
    with pytest.raises(InferswarmError, match="not running"):
        process.count(["a"])
    assert not children()


def test_a_process_that_was_killed_is_an_error_in_one_line(tmp_path: Path) -> None:
    """By the kernel, when memory runs out."""
    path = str(word_tokenizer(tmp_path / "tokenizer.json"))
    with TokenizerProcess(path) as tokenizer:
        (child,) = children()
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        with pytest.raises(InferswarmError, match=f"^tokenizer {path}: its process ended"):
            tokenizer.count(["a"])


def test_leaving_ends_the_process(tmp_path: Path) -> None:
    """It is waited for."""
    with TokenizerProcess(str(word_tokenizer(tmp_path / "tokenizer.json"))):
        assert len(children()) == 1
    assert not children()


def test_it_ends_with_its_parent_even_when_that_is_killed(tmp_path: Path) -> None:
    """Standard input is its lifeline."""
    path = word_tokenizer(tmp_path / "tokenizer.json")
    program = (
        "import sys, time; from inferswarm.tokenizer import TokenizerProcess\n"
        "with TokenizerProcess(sys.argv[1]):\n  print('there', flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"there\n"
        (child,) = psutil.Process(parent.pid).children()
        parent.kill()
        parent.wait(10)
        child.wait(30)
    assert not child.is_running()


def test_it_ends_in_the_middle_of_its_work(tmp_path: Path) -> None:
    """A parent that goes away does not wait for a batch, nor does the batch outlive it for long."""
    path = byte_tokenizer(tmp_path / "tokenizer.json")
    program = (
        "import os, sys, threading; from inferswarm.tokenizer import TokenizerProcess\n"
        "with TokenizerProcess(sys.argv[1]) as there:\n"
        "  print('there', flush=True); there.count(['abc ' * 20_000_000])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"there\n"
        (child,) = psutil.Process(parent.pid).children()
        time.sleep(0.5)
        parent.kill()
        parent.wait(10)
        child.wait(60)
    assert not child.is_running()


def test_the_process_is_patched_by_nobody_and_prints_nothing_of_its_own(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its messages are all that comes out, and neither gevent nor Locust is in it."""
    with TokenizerProcess(str(word_tokenizer(tmp_path / "tokenizer.json"))) as tokenizer:
        (child,) = children()
        maps = Path(f"/proc/{child.pid}/maps")
        if maps.exists():
            assert "gevent" not in maps.read_text()
        assert os.getpriority(os.PRIO_PROCESS, child.pid) >= 10
        tokenizer.count(["bal"])
    assert capfd.readouterr() == ("", "")


def test_a_gevent_patched_process_may_ask_too(tmp_path: Path) -> None:
    """As one under plain `locust` does, after its test."""
    path = str(word_tokenizer(tmp_path / "tokenizer.json"))
    program = (
        "from gevent import monkey; monkey.patch_all()\n"
        "import sys; from inferswarm.tokenizer import TokenizerProcess\n"
        "with TokenizerProcess(sys.argv[1]) as there: print(there.count(['bal dem'] * 3000)[-1])"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, timeout=120, check=True
    )
    assert said.stdout == b"2\n"


def test_batches_hold_everything_in_order_within_their_bounds() -> None:
    """A text that is too large for any is one of its own."""
    items = ["a"] * (BATCH_ITEMS + 1) + ["b" * (BATCH_SIZE + 1), "c", "d" * BATCH_SIZE, ""]
    found = list(batches(items))

    assert [one for batch in found for one in batch] == items
    assert [len(batch) for batch in found] == [BATCH_ITEMS, 1, 1, 1, 2]
    assert list(batches([])) == []


def children() -> list[psutil.Process]:
    """Tokenizer processes of ours."""
    return [
        child for child in psutil.Process().children() if "inferswarm.tokenizer" in child.cmdline()
    ]
