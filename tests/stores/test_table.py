"""Facts about the table of schemes: complete, installable, and shown in the documentation."""

import tomllib
from pathlib import Path

import pytest

from inferswarm.stores.table import SCHEMES, Action, Right, rights_table
from inferswarm.stores.uri import SCHEMES as KNOWN

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", SCHEMES)
def test_every_action_has_a_permission(name: str) -> None:
    """Each service has a permission for each action, and a command that makes a bucket."""
    row = SCHEMES[name]
    assert row.name == name
    assert name in KNOWN
    assert set(row.rights) == set(Action)
    assert "box" in row.create.format(bucket="box")
    assert row.log_in


@pytest.mark.parametrize("name", SCHEMES)
def test_the_extra_brings_the_library(name: str) -> None:
    """The extra that messages name is one of the package's, and installs the library."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    packages = project["optional-dependencies"][SCHEMES[name].extra]
    assert any(package.startswith(SCHEMES[name].library) for package in packages)


def test_the_documentation_has_the_table() -> None:
    """docs/storage.md shows the permissions of the code, and every variable that matters."""
    page = (ROOT / "docs" / "storage.md").read_text(encoding="utf-8")
    assert rights_table() in page, f"put this into docs/storage.md:\n{rights_table()}"
    for row in SCHEMES.values():
        assert all(f"`{variable}`" in page for variable in row.variables), row.name


def test_a_right_is_read_with_its_role() -> None:
    """The permission comes first, the role that holds it in brackets."""
    assert str(Right("storage.objects.get", "viewer")) == "storage.objects.get (viewer)"
    assert str(Right("s3:GetObject")) == "s3:GetObject"


def test_actions_have_words_for_sentences() -> None:
    """What an action does can be said."""
    assert [action.doing for action in Action] == [
        "reading",
        "listing",
        "creating",
        "replacing",
        "deleting",
    ]
