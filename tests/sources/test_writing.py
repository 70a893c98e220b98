"""Facts about writing prompts where runs read them."""

from pathlib import Path

import pytest

from inferswarm.config.prompts import PromptOptions
from inferswarm.errors import InputError
from inferswarm.prompts import Prompt, Turn
from inferswarm.sources.read import load_prompts
from inferswarm.sources.writing import check_target, one_line, write_prompts
from inferswarm.stores import Uri, store_for
from inferswarm.stores.errors import DeniedError, ExistsError, FolderError, MissingError
from tests import clouds

PROMPTS = [Prompt("one\r\ntwo\nthree", 0), Prompt("schön 🙂", 1, turns=[Turn("more")], answer="no")]


def read_again(uri: Uri) -> list[Prompt]:
    """The prompts that a run reads there."""
    return load_prompts(PromptOptions(source=str(uri), min_tokens=0)).prompts


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_json_lines_keep_all(tmp_path: Path, ending: str) -> None:
    """Line ends, turns and answers; compressed by the name's ending."""
    uri = Uri.parse(tmp_path / f"new/x.jsonl{ending}")
    assert write_prompts(iter(PROMPTS), uri, overwrite=False) == 2
    assert read_again(uri) == PROMPTS
    assert b'"index"' not in uri.path.read_bytes()


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_text_has_a_line_for_each(tmp_path: Path, ending: str) -> None:
    """A space for each end of a line."""
    uri = Uri.parse(tmp_path / f"x.txt{ending}")
    write_prompts(iter(PROMPTS), uri, overwrite=False)
    assert [one.text for one in read_again(uri)] == ["one two three", "schön 🙂"]


def test_all_ends_of_lines_become_spaces() -> None:
    """One for each, however it is written."""
    assert one_line("\na\r\nb\n\nc\rd \u2028 e\n") == "a b  c d \u2028 e"


def test_nothing_is_written_of_nothing(tmp_path: Path) -> None:
    """An empty file would not do for a run."""
    uri = Uri.parse(tmp_path / "x.txt")
    assert write_prompts(iter([]), uri, overwrite=False) == 0
    assert not uri.path.exists()


def test_a_failure_while_reading_leaves_what_was_there(tmp_path: Path) -> None:
    """The new file appears whole or not at all."""

    def broken() -> "object":
        yield Prompt("new")
        raise InputError("cut")

    uri = Uri.parse(tmp_path / "x.txt")
    uri.path.write_text("old\n")
    with pytest.raises(InputError, match="cut"):
        write_prompts(broken(), uri, overwrite=True)  # type: ignore[arg-type]
    assert uri.path.read_text() == "old\n"
    assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]


def test_an_existing_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    """It is seen before anything is read, and again when it is written."""
    uri = Uri.parse(tmp_path / "x.txt")
    uri.path.write_text("old\n")
    with pytest.raises(ExistsError, match="--overwrite"):
        check_target(uri, overwrite=False)
    with pytest.raises(ExistsError):
        write_prompts(iter(PROMPTS), uri, overwrite=False)
    check_target(uri, overwrite=True)
    write_prompts(iter(PROMPTS), uri, overwrite=True)
    assert uri.path.read_text().startswith("one two three\n")


@pytest.mark.parametrize(
    ("name", "lines_only", "why"),
    [
        ("x.csv", False, "not as CSV"),
        ("x.parquet", False, "not as Parquet"),
        ("x.txt", True, ".jsonl"),
    ],
)
def test_other_forms_are_not_written(
    tmp_path: Path, name: str, why: str, *, lines_only: bool
) -> None:
    """And whole conversations only as JSON lines."""
    with pytest.raises(InputError, match=why):
        check_target(Uri.parse(tmp_path / name), overwrite=True, lines_only=lines_only)


def test_what_is_no_place_for_a_file_is_refused(tmp_path: Path) -> None:
    """With exit code 2, before anything is read or the network is asked."""
    (tmp_path / "afile").touch()
    with pytest.raises(FolderError, match="afile is a file, where a folder is needed") as refused:
        check_target(Uri.parse(f"{tmp_path}/afile/x.txt"), overwrite=False)
    assert refused.value.exit_code == 2
    with pytest.raises(InputError, match="gs://bucket/: names no object"):
        check_target(Uri.parse("gs://bucket"), overwrite=True)


def test_buckets_are_written_like_files() -> None:
    """What is there is not replaced unasked; a bucket that is not there is named at once."""
    with clouds.gs() as cloud, cloud.in_use():
        uri = Uri.parse(f"{cloud.uri}/deep/x.jsonl.zst")
        check_target(uri, overwrite=False)
        write_prompts(iter(PROMPTS), uri, overwrite=False)
        assert read_again(uri) == PROMPTS
        with pytest.raises(ExistsError, match="--overwrite"):
            check_target(uri, overwrite=False)
        write_prompts(iter(PROMPTS[:1]), uri, overwrite=True)
        assert len(read_again(uri)) == 1
        assert store_for(uri).names(Uri.parse(cloud.uri)) == ["deep/x.jsonl.zst"]
        with pytest.raises((MissingError, DeniedError), match="-other"):
            check_target(Uri.parse(f"{cloud.uri}-other/x.txt"), overwrite=True)
