"""What is asked of whom: the options of the target and of each request."""

import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from pydantic import AfterValidator, BeforeValidator, model_validator

from inferswarm.config.options import Section, option


def _spell_target(given: object) -> str:
    """`host[:port][/path]` with or without a scheme becomes a URL without a trailing slash."""
    text = str(given or "").strip()
    if not text:
        return ""
    if "://" not in text:
        text = f"http://{text}"
    url = urlsplit(text)  # raises ValueError for brackets that do not match
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("it must be host[:port][/path], plain or with http:// or https://")
    if url.port == 0:
        raise ValueError("the port must be 1 to 65535")
    if url.username is not None or url.query or url.fragment:
        raise ValueError("it must not hold a user, a query or a #; keys go in target.api_key_env")
    if not url.path.isascii():
        raise ValueError("its path must be ASCII: write other characters as %XX")
    return text.rstrip("/")


def spelled_proxy(given: object) -> str:
    """`[http://][user:password@]host[:port]` becomes a URL; empty and `none` stay.

    Raises ValueError, which never shows what was given: there may be a password in it.
    """
    text = str(given or "").strip()
    if text.lower() in ("", "none"):
        return text.lower()
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        host = re.fullmatch(r"[A-Za-z0-9._:%-]+", url.hostname or "")
        fits = url.scheme == "http" and host and url.port != 0 and text.isascii()
    except ValueError:
        fits = False
    if not fits or not text.isprintable() or " " in text:
        raise ValueError(
            "a proxy must be http://[user:password@]host:port; https and socks are not spoken"
        )
    return url.geturl().rstrip("/")


def _sendable(headers: dict[str, str]) -> dict[str, str]:
    """Headers without white space around, each fit for one line of HTTP."""
    sendable = {name.strip(): value.strip() for name, value in headers.items()}
    for name, value in sendable.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise ValueError("a header's name must be letters, digits and -")
        if not (value.isascii() and (value.isprintable() or not value)):
            raise ValueError(f"the value of header {name} must be one line of ASCII")
    return sendable


def _encodable(body: dict[str, Any]) -> dict[str, Any]:
    try:
        msgspec.json.encode(body)
    except (TypeError, ValueError, RecursionError):
        raise ValueError("it must be what JSON can hold") from None
    return body


def _texts(given: object) -> object:
    """One text, or several."""
    return (given,) if isinstance(given, str) else given


class TargetOptions(Section):
    """The inference server."""

    url: Annotated[str, BeforeValidator(_spell_target)] = option(
        "",
        "The server: host[:port][/path], http unless it says so; empty is the built-in simulator.",
        flag="--target",
    )
    backend: str = option(
        "openai", "Wire format that the server speaks: see `inferswarm backends`.", flag="--backend"
    )
    api: str = option(
        "",
        "Which of the backend's routes to use: see `inferswarm backends`; empty is its first.",
        flag="--api",
    )
    model: str = option(
        "",
        "Model name sent with each request; empty is the backend's usual one, or the first that the "
        "server lists.",
        flag="--model",
    )
    stream: bool = option(True, "Ask for streamed answers.", flag="--stream")
    api_key_env: str = option(
        "INFERSWARM_API_KEY",
        "Environment variable that holds the bearer token, when it is set.",
        flag="--api-key-env",
    )
    api_key_file: Path | None = option(
        None, "File that holds the bearer token.", flag="--api-key-file"
    )
    headers: Annotated[dict[str, str], AfterValidator(_sendable)] = option(
        {}, "Further HTTP headers of each request; their values are never shown.", secret=True
    )
    ca_file: Path | None = option(
        None, "Certificates (PEM) to trust instead of the system's.", flag="--ca-file"
    )
    insecure: bool = option(False, "Do not verify the server's certificate.", flag="--insecure")
    client_cert: Path | None = option(
        None, "Certificate (PEM) to show a server that asks for one.", flag="--client-cert"
    )
    client_key: Path | None = option(
        None,
        "Private key (PEM) of `client_cert`, when it is not in the same file.",
        flag="--client-key",
    )
    proxy: Annotated[str, BeforeValidator(spelled_proxy)] = option(
        "",
        "Proxy on the way: http://[user:password@]host:port, or `none`. Empty: as HTTP_PROXY, "
        "HTTPS_PROXY, ALL_PROXY and NO_PROXY say, but none to localhost, 127.0.0.0/8 and ::1.",
        flag="--proxy",
        secret=True,
    )
    keep_alive: bool = option(
        True,
        "Send further requests over connections that are open; without, each opens its own.",
        flag="--keep-alive",
    )


class RequestOptions(Section):
    """What each request asks of the model."""

    max_output_tokens: int = option(
        128, "Upper bound of an answer's length.", flag="--max-output-tokens", unit="tokens", ge=1
    )
    ignore_eos: bool = option(
        False,
        "Ask for answers of exactly that length (servers that know `ignore_eos`).",
        flag="--ignore-eos",
    )
    min_output_tokens: int = option(
        0,
        "Lower bound of an answer's length, for servers that know one; 0 sends none.",
        flag="--min-output-tokens",
        unit="tokens",
        ge=0,
    )
    temperature: float | None = option(
        None, "Sampling temperature; not sent unless given.", flag="--temperature", ge=0
    )
    top_p: float | None = option(
        None, "Nucleus sampling; not sent unless given.", flag="--top-p", gt=0, le=1
    )
    top_k: int | None = option(
        None, "Sample among this many tokens; not sent unless given.", flag="--top-k", ge=1
    )
    seed: int | None = option(
        None, "Seed of the server's sampling; not sent unless given.", flag="--request-seed", ge=0
    )
    best_of: int | None = option(
        None, "Answers that the server makes to return the best.", flag="--best-of", ge=1
    )
    use_beam_search: bool = option(
        False,
        "Beam search of width `best_of`, where the server knows it.",
        flag="--use-beam-search",
    )
    stop: Annotated[tuple[str, ...], BeforeValidator(_texts)] = option(
        (), "A text at which the server ends an answer.", flag="--stop"
    )
    usage_per_chunk: bool = option(
        False, "Ask for a running token count with every chunk (OpenAI routes of vLLM and SGLang)."
    )
    extra_body: Annotated[dict[str, Any], AfterValidator(_encodable)] = option(
        {}, "Further fields of each request's JSON body."
    )

    @model_validator(mode="after")
    def _possible(self) -> "RequestOptions":
        if self.min_output_tokens > self.max_output_tokens:
            raise ValueError("min_output_tokens must not exceed max_output_tokens")
        return self
