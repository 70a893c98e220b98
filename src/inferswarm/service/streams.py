"""Following a run: server-sent events, for so many at a time as a service can serve beside all else."""

import asyncio
from collections.abc import AsyncIterator, Callable

from fastapi.responses import JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from inferswarm.service.registry import Run
from inferswarm.service.views import RunView

EVENT_S = 1.0
MOST_STREAMS = 64
AGAIN_S = 10
_NOT_KEPT = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Places:
    """How many may still begin to follow; used in one event loop."""

    def __init__(self, free: int = MOST_STREAMS) -> None:
        self.free = free


class EventStream(StreamingResponse):
    """Events while there is a place, else 503 and when to ask again."""

    def __init__(self, events: AsyncIterator[bytes], places: Places) -> None:
        super().__init__(events, media_type="text/event-stream", headers=_NOT_KEPT)
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; the place is free again however that ends."""
        if not self._places.free:
            error = {"error": "too many follow runs already; ask again, or ask for the run itself"}
            refusal = JSONResponse(error, 503, {"Retry-After": str(AGAIN_S)})
            await refusal(scope, receive, send)
            return
        self._places.free -= 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._places.free += 1


async def events_of(
    run: Run, told: Callable[[Run], RunView], find: Callable[[str], Run | None]
) -> AsyncIterator[bytes]:
    """The run as it is told, every second until it is over or forgotten, as events named `run`."""
    while True:
        data = told(run).model_dump_json().encode()
        yield b"event: run\ndata: " + data + b"\n\n"
        if run.over:
            return
        await asyncio.sleep(EVENT_S)
        found = await run_in_threadpool(find, run.id)
        if found is None:
            return
        run = found
