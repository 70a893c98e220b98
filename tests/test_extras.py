"""Facts about packages that only some uses need."""

import json

import pytest

from inferswarm.errors import InputError
from inferswarm.extras import need


def test_a_package_that_is_there_is_imported() -> None:
    """It is the module itself."""
    assert need("json", "none", "reading") is json


def test_one_that_is_missing_is_named_with_the_way_to_get_it() -> None:
    """In one line: what for, which package, how."""
    with pytest.raises(InputError) as refused:
        need("inferswarm_no_such.part", "parquet", "--format parquet")
    assert str(refused.value) == (
        "--format parquet needs the package inferswarm_no_such: pip install 'inferswarm[parquet]'"
    )
