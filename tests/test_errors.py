"""Facts about the exception tree."""

import pytest

from inferswarm import errors


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.InferswarmError, 5),
        (errors.InputError, 2),
        (errors.TargetError, 4),
        (errors.StorageError, 5),
        (errors.LoadProcessError, 5),
    ],
)
def test_each_error_has_its_documented_exit_code(
    kind: type[errors.InferswarmError], code: int
) -> None:
    """Every exception ends a command with the code that the documentation gives it."""
    assert kind("no luck").exit_code == code
    assert isinstance(kind("no luck"), errors.InferswarmError)
    assert str(kind("no luck")) == "no luck"


def test_exit_codes_are_the_published_ones() -> None:
    """Scripts rely on these numbers."""
    codes = {name: value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert codes == {
        "EXIT_OK": 0,
        "EXIT_GOAL_MISSED": 1,
        "EXIT_INPUT": 2,
        "EXIT_RUN_INVALID": 3,
        "EXIT_TARGET": 4,
        "EXIT_INTERNAL": 5,
        "EXIT_INTERRUPTED": 130,
    }
