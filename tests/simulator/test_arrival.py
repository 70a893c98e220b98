"""When bytes reached the machine, as the simulator's sockets know it."""

import socket
import time

from inferswarm.clock import now_ns
from inferswarm.simulator.arrival import StampedSocket, listen_on


def test_arrival_is_when_the_bytes_came_not_when_they_were_read() -> None:
    """Bytes that wait for their reader keep the time at which they arrived."""
    with listen_on("127.0.0.1", 0) as listener:
        listener.setblocking(True)
        listener.listen()
        with socket.create_connection(listener.getsockname()) as client:
            served, _ = listener.accept()
            with served:
                before_ns = now_ns()
                client.sendall(b"hello")
                after_ns = now_ns()
                time.sleep(0.2)
                data = served.recv(100)

    assert data == b"hello"
    assert isinstance(served, StampedSocket)
    slack_ns = 50_000_000  # the clocks are two; a reader's time would be off by 200 ms
    assert before_ns - slack_ns < served.arrived_ns < after_ns + slack_ns


def test_open_connections_are_found_by_their_number() -> None:
    """The listener knows each accepted socket by its descriptor."""
    with listen_on("127.0.0.1", 0) as listener:
        listener.setblocking(True)
        listener.listen()
        with socket.create_connection(listener.getsockname()):
            served, _ = listener.accept()
            with served:
                assert listener.connections[served.fileno()] is served
