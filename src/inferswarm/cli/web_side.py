"""The web side of a standing master as the command line tells it: where, for whom, and for what."""

import argparse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from inferswarm.adapters.table import BACKENDS
from inferswarm.config.admission import OPERATORS
from inferswarm.config.catalog import catalog
from inferswarm.config.tree import RunConfig
from inferswarm.errors import InputError
from inferswarm.origins import LOOPBACK
from inferswarm.secret import PASSWORD, USER, read_login, read_token
from inferswarm.sources.synthetic import SOURCE as SYNTHETIC

WEB = "127.0.0.1:8089"
SERVICE_TOKEN = "INFERSWARM_SERVICE_TOKEN"  # noqa: S105 - its name, not the token

SUGGESTED = {"target.backend": list(BACKENDS), "prompts.source": [SYNTHETIC]}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How it is reached, and what may be asked of it."""
    group = parser.add_argument_group("standing")
    group.add_argument(
        "--web",
        nargs="?",
        const=WEB,
        metavar="HOST:PORT",
        help=f"Stay, with a web UI, and take one run after another (without a value: {WEB}).",
    )
    group.add_argument(
        "--service-token-file",
        type=Path,
        metavar="FILE",
        help=f"Token that the web side asks programs for, else from {SERVICE_TOKEN}; beyond loopback "
        "a token or a login is needed.",
    )
    group.add_argument(
        "--web-login",
        action="store_true",
        help=f"Ask people for user and password: {USER} and {PASSWORD}, or --web-login-file.",
    )
    group.add_argument(
        "--web-login-file",
        type=Path,
        metavar="FILE",
        help="File with user:password; implies --web-login.",
    )
    group.add_argument(
        "--allow-target",
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="Address that runs may load besides the configured one, * for any part. May be given "
        "several times.",
    )
    group.add_argument(
        "--with-parent", action="store_true", help="End in order when standard input ends."
    )
    group.add_argument(
        "--runs", type=Path, default=Path("runs"), metavar="DIR", help="Folder of the run folders."
    )


def web_options(parsed: argparse.Namespace, usual: RunConfig) -> dict[str, Any]:
    """What the master is told of its web side; raises InputError."""
    host, _, port = parsed.web.rpartition(":")
    if not host or not port.isdigit():
        raise InputError(f"--web was given {parsed.web!r}; it must be HOST:PORT, as in {WEB}")
    token = read_token(parsed.service_token_file, SERVICE_TOKEN, "--service-token-file")
    user, password = "", ""
    if parsed.web_login or parsed.web_login_file:
        user, password = read_login(parsed.web_login_file)
    if not token and not user and host.strip("[]") not in LOOPBACK:
        raise InputError(
            f"--web {parsed.web} can be reached from elsewhere and needs a token or a login: set "
            f"{SERVICE_TOKEN}, or give --service-token-file or --web-login"
        )
    return {
        "where": parsed.web,
        "token": token,
        "user": user,
        "password": password,
        "waits": not usual.load.workers,
        "options": catalog(RunConfig, usual, OPERATORS, SUGGESTED),
    }


def allowed_targets(parsed: argparse.Namespace, usual: RunConfig) -> tuple[str, ...]:
    """The configured target and those that were allowed; this machine where there are none."""
    own = urlsplit(usual.target.url)
    configured = [f"{own.hostname}:{own.port or (443 if own.scheme == 'https' else 80)}"]
    return (*(configured if usual.target.url else LOOPBACK), *parsed.allow_target)
