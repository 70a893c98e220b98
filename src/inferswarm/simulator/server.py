"""The simulated inference server: listens, serves until told to stop, loses no row of the truth."""

import asyncio
import contextlib
import gc
import os
import resource
import signal
from collections.abc import Callable, Iterator
from operator import methodcaller
from pathlib import Path

from inferswarm.config.simulator import SimulatorOptions
from inferswarm.errors import InputError
from inferswarm.simulator.agenda import Agenda, exact_loop
from inferswarm.simulator.arrival import StampedListener, StampedSocket, listen_on
from inferswarm.simulator.connection import Connection
from inferswarm.simulator.grpc_connection import GrpcConnection
from inferswarm.simulator.grpc_entrance import Entrance, Open
from inferswarm.simulator.routes import Routes
from inferswarm.simulator.service import Service
from inferswarm.simulator.truth import TruthLog

_BACKLOG = 4096
_FLUSH_INTERVAL_S = 0.25
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def serve(
    options: SimulatorOptions,
    host: str,
    port: int,
    truth_path: Path | None,
    on_listening: Callable[[int], None],
) -> None:
    """Serve until cancelled or until SIGTERM or SIGINT, then close everything and flush.

    `port` 0 picks a free one; `on_listening` gets the port. Chunks are up to 1 ms late in an
    ordinary event loop, see `run`. Raises InputError when the address cannot be listened on or the
    truth log cannot be opened, StorageError when the truth log can no longer be written.
    """
    loop = asyncio.get_running_loop()
    truth = TruthLog(truth_path)
    routes = Routes(options)
    service = Service(options, Agenda(loop), truth.add)
    connections: set[Open] = set()
    with _stop_signals(loop) as stopped, contextlib.closing(truth):
        listener = _bind(host, port)
        given = routes, service, connections, listener.connections
        server = await loop.create_server(
            lambda: _received(options, connections, given),
            sock=listener,
            backlog=_BACKLOG,
            start_serving=False,
        )
        try:
            # Only now: a server that cannot start must not empty the log of one that runs.
            truth.open()
            await server.start_serving()
            on_listening(server.sockets[0].getsockname()[1])
            await _flush_until(stopped, truth)
        finally:
            server.close()
            service.stop()
            await _close(connections)


def run(
    options: SimulatorOptions,
    host: str,
    port: int,
    truth_path: Path | None,
    on_listening: Callable[[int], None],
) -> None:
    """`serve` in an event loop of its own with exact timers, in a process of its own.

    Allows the process as many open connections as the system permits. Raises what `serve` raises.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        # Where even the permitted limit is refused, the present one has to do.
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # What is imported by now stays: a full collection must not delay chunks by walking it.
    gc.collect()
    gc.freeze()
    with asyncio.Runner(loop_factory=exact_loop) as runner:
        runner.run(serve(options, host, port, truth_path, on_listening))


def _bind(host: str, port: int) -> StampedListener:
    try:
        return listen_on(host, port)
    except (OSError, OverflowError) as error:
        number = error.errno if isinstance(error, OSError) else None
        reason = os.strerror(number) if number and number > 0 else str(error)
        raise InputError(
            f"cannot listen on {host}:{port}: {reason}; "
            "stop what uses that port, or choose another one with --port (0 picks a free one)"
        ) from error


def _received(
    options: SimulatorOptions,
    connections: set[Open],
    given: tuple[Routes, Service, set[Open], dict[int, StampedSocket]],
) -> asyncio.Protocol:
    """What talks to a new client; JetStream's listens first which of its protocols it is."""
    if options.backend != "jetstream":
        return Connection(*given)
    return Entrance(lambda: Connection(*given), lambda: GrpcConnection(*given), connections)


async def _close(connections: set[Open]) -> None:
    """Close all; returns when each has reported the requests that it could not serve."""
    for close in (methodcaller("hang_up"), methodcaller("abort")):
        for connection in list(connections):
            close(connection)
        # asyncio tells a connection of its end in the next round of the loop.
        await asyncio.sleep(0)


@contextlib.contextmanager
def _stop_signals(loop: asyncio.AbstractEventLoop) -> Iterator[asyncio.Event]:
    """An event that is set by SIGTERM and SIGINT, where this thread may handle signals."""
    stopped = asyncio.Event()
    handled = []
    # Only the main thread may: elsewhere the server ends by cancellation.
    with contextlib.suppress(RuntimeError, ValueError):
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, stopped.set)
            handled.append(number)
    try:
        yield stopped
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


async def _flush_until(stopped: asyncio.Event, truth: TruthLog) -> None:
    while not stopped.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), _FLUSH_INTERVAL_S)
        truth.flush()
