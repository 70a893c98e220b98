"""Facts about the stores' errors: exit codes, and which may pass by themselves."""

import pytest

from inferswarm.errors import EXIT_INPUT, EXIT_INTERNAL, EXIT_TARGET
from inferswarm.stores import errors


@pytest.mark.parametrize(
    ("kind", "exit_code", "retryable"),
    [
        (errors.StoreError, EXIT_INTERNAL, False),
        (errors.MissingError, EXIT_INPUT, False),
        (errors.ExistsError, EXIT_INPUT, False),
        (errors.ExtraError, EXIT_INPUT, False),
        (errors.ReadOnlyError, EXIT_INPUT, False),
        (errors.DeniedError, EXIT_TARGET, False),
        (errors.UnreachableError, EXIT_TARGET, True),
    ],
)
def test_each_error_has_its_exit_code(
    kind: type[errors.StoreError], exit_code: int, *, retryable: bool
) -> None:
    """What the user named wrongly ends with 2, what a service refuses with 4; one kind may pass."""
    assert kind("x").exit_code == exit_code
    assert kind("x").retryable is retryable
    assert kind.__name__ in (errors.__doc__ or "")
