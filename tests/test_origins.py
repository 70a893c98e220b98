"""Facts about requests that pages of other sites make."""

import pytest

from inferswarm.origins import stranger


@pytest.mark.parametrize("host", ["localhost:80", "127.0.0.1", "[::1]:8000", "LOCALHOST"])
def test_on_loopback_this_machine_is_asked_by_its_own_names(host: str) -> None:
    """With a port or without."""
    assert stranger("127.0.0.1", host, None) == ""
    assert stranger("::1", host, f"http://{host}") == ""


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "10.0.0.5", ""])
def test_another_name_for_this_machine_is_refused_on_loopback_only(host: str) -> None:
    """Elsewhere a server has whatever names it has."""
    assert "ask for it as localhost" in stranger("127.0.0.1", host, None)
    assert stranger("0.0.0.0", host, None) == ""


@pytest.mark.parametrize("listening", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("host", ["[bad", "[::1", "a]b"])
def test_a_host_that_is_none_is_refused(listening: str, host: str) -> None:
    """It raises nothing."""
    assert stranger(listening, host, None) == "the Host of this request is none"


@pytest.mark.parametrize(
    "origin", ["null", "", "http://localhost:81", "http://[bad", "localhost:80"]
)
def test_a_page_of_another_origin_is_refused(origin: str) -> None:
    """Another port is another origin."""
    assert (
        stranger("127.0.0.1", "localhost:80", origin) == "a page of another site may not ask here"
    )
    assert stranger("0.0.0.0", "localhost:80", origin)
