"""Steps run when they are due, in order, and again as long as they wish."""

import asyncio
from collections.abc import Callable

from inferswarm.clock import now_ns
from inferswarm.simulator.agenda import Agenda, exact_loop

_MS = 1_000_000


def test_steps_run_in_order_and_never_early() -> None:
    """Later additions that are due earlier come first; a step that gives 0 is not called again."""
    called: list[tuple[int, int]] = []

    async def scenario() -> int:
        agenda, start_ns = Agenda(asyncio.get_running_loop()), now_ns()
        done = asyncio.Event()

        def step(key: int, due_ns: list[int]) -> Callable[[], int]:
            def run() -> int:
                assert now_ns() >= due_ns[0]
                called.append((key, due_ns.pop(0)))
                if key == 1 and not due_ns:
                    done.set()
                return due_ns[0] if due_ns else 0

            return run

        for key, dues in ((1, [30, 50]), (2, [10, 40]), (3, [20])):
            instants = [start_ns + due * _MS for due in dues]
            agenda.add(instants[0], key, step(key, instants))
        await asyncio.wait_for(done.wait(), 20)
        return start_ns

    with asyncio.Runner(loop_factory=exact_loop) as runner:
        start_ns = runner.run(scenario())
    order = [(key, (due_ns - start_ns) // _MS) for key, due_ns in called]
    assert order == [(2, 10), (3, 20), (1, 30), (2, 40), (1, 50)]


def test_many_due_steps_let_the_loop_breathe() -> None:
    """Hundreds of steps that are due at once do not keep the loop from its other work."""

    async def scenario() -> list[int]:
        loop = asyncio.get_running_loop()
        agenda, called, seen, done = Agenda(loop), [0], list[int](), asyncio.Event()

        def step() -> int:
            called[0] += 1
            if called[0] == 1:
                loop.call_soon(lambda: seen.append(called[0]))
            if called[0] == 500:
                done.set()
            return 0

        for key in range(500):
            agenda.add(1, key, step)
        await asyncio.wait_for(done.wait(), 20)
        return seen

    with asyncio.Runner(loop_factory=exact_loop) as runner:
        (called_before_other_work,) = runner.run(scenario())
    assert called_before_other_work < 500
