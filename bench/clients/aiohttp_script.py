"""A client as people write it with aiohttp: one coroutine a stream, events parsed while they come."""

import asyncio
import json
import time

import aiohttp  # its environment is apart

from bench.clients.samples import SampleFile
from bench.clients.script import Task

TASK = Task.here()
BODY = TASK.body


class Swarm:
    """All streams of one load."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._samples = SampleFile(TASK.out / "samples.bin")
        self._asked = 0
        self._end = time.monotonic() + (TASK.duration_s if not TASK.requests else 1e9)

    async def play(self) -> None:
        """All users until the load is done."""
        await asyncio.gather(*(self._user() for _ in range(TASK.users)))
        self._samples.flush()

    async def _user(self) -> None:
        ask = self._ask_streamed if TASK.stream else self._ask_whole
        while time.monotonic() < self._end and not 0 < TASK.requests <= self._asked:
            self._asked += 1
            await ask()

    async def _ask_streamed(self) -> None:
        sent_ns, sent = time.time_ns(), time.perf_counter_ns()
        token_ns: list[int] = []
        tokens = 0
        async with self._session.post(f"{TASK.url}/v1/completions", json=BODY) as response:
            async for line in response.content:
                if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
                    continue
                at = time.perf_counter_ns()
                event = json.loads(line[6:])
                if event["choices"] and event["choices"][0]["text"]:
                    token_ns.append(at - sent)
                elif event["usage"]:
                    tokens = event["usage"]["completion_tokens"]
        if tokens == len(token_ns):
            self._samples.add(sent_ns, token_ns)

    async def _ask_whole(self) -> None:
        sent_ns, sent = time.time_ns(), time.perf_counter_ns()
        async with self._session.post(f"{TASK.url}/v1/completions", json=BODY) as response:
            answer = await response.json()
        if answer["usage"]["completion_tokens"]:
            self._samples.add(sent_ns, [time.perf_counter_ns() - sent])


async def main() -> None:
    """Play the task of this process."""
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        await Swarm(session).play()


asyncio.run(main())
