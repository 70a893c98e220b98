"""When bytes reached the machine, as the simulator's sockets know it."""

import socket
import time

from inferswarm.clock import now_ns
from inferswarm.simulator.arrival import StampedListener, StampedSocket, listen_on

SLACK_NS = 50_000_000  # the clocks are two, and the machine may be busy


def stamped_apart(listener: StampedListener) -> bool:
    """Whether bytes that wait 100 ms for their reader keep the time at which they arrived."""
    with socket.create_connection(listener.getsockname()) as client:
        served, _ = listener.accept()
        with served:
            before_ns = now_ns()
            client.sendall(b"hello")
            time.sleep(0.1)
            assert served.recv(100) == b"hello"
            assert isinstance(served, StampedSocket)
            assert before_ns - SLACK_NS < served.arrived_ns <= now_ns()
            return served.arrived_ns < before_ns + SLACK_NS


def test_arrival_is_when_the_bytes_came_not_when_they_were_read() -> None:
    """Once the host has begun to stamp, which it does a moment after it is asked to."""
    with listen_on("127.0.0.1", 0) as listener:
        listener.setblocking(True)
        listener.listen()
        tries = [stamped_apart(listener) for _ in range(10)]

    assert any(tries)


def test_open_connections_are_found_by_their_number() -> None:
    """The listener knows each accepted socket by its descriptor."""
    with listen_on("127.0.0.1", 0) as listener:
        listener.setblocking(True)
        listener.listen()
        with socket.create_connection(listener.getsockname()):
            served, _ = listener.accept()
            with served:
                assert listener.connections[served.fileno()] is served
