"""Facts about where logins come from; tokens are tried by those who use them."""

from pathlib import Path

import pytest

from inferswarm.errors import InputError
from inferswarm.secret import PASSWORD, USER, digest, read_login, same


def test_a_file_goes_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password may have colons."""
    monkeypatch.setenv(USER, "somebody")
    monkeypatch.setenv(PASSWORD, "a password")
    assert read_login() == ("somebody", "a password")
    file = tmp_path / "login"
    file.write_text("ann:with:colons\n", "utf-8")
    assert read_login(file) == ("ann", "with:colons")


@pytest.mark.parametrize("text", ["", "ann", "ann:", ":long enough", "ann:short"])
def test_half_a_login_is_refused(tmp_path: Path, text: str) -> None:
    """The refusal names the file, not what stands in it."""
    file = tmp_path / "login"
    file.write_text(text, "utf-8")
    with pytest.raises(InputError, match="at least 8 characters") as refused:
        read_login(file)
    assert str(file) in str(refused.value)
    assert "short" not in str(refused.value).replace(str(file), "")


def test_no_login_is_refused_with_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a file that is not there by its name."""
    monkeypatch.delenv(USER, raising=False)
    with pytest.raises(InputError, match=f"{USER} and {PASSWORD}"):
        read_login()
    with pytest.raises(InputError, match="--web-login-file nowhere"):
        read_login(Path("nowhere"))


def test_secrets_are_compared_whole() -> None:
    """Of any length and any letters, half of one too, which JSON may bring."""
    assert same("pässword", "pässword")
    assert not same("pässword", "pässwor")
    assert not same("", "x")
    assert not same("\ud800", "x")
    assert len(digest("\udcff")) == len(digest("")) == 32
