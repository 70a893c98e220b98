"""The ASGI application: bounds, routes for programs, pages for people."""

from fastapi import FastAPI

from inferswarm import __version__
from inferswarm.remote import MasterClient
from inferswarm.service.access import Gate
from inferswarm.service.api import Service, add_routes
from inferswarm.service.bounds import Bounds
from inferswarm.service.conductor import Conductor
from inferswarm.service.page import add_page
from inferswarm.service.registry import Registry
from inferswarm.service.usual import Usual


def create_app(
    registry: Registry, conductor: Conductor, master: MasterClient, gate: Gate, usual: Usual
) -> FastAPI:
    """An application that queues runs in `registry` and tells what `conductor` makes of them."""
    service = Service(registry, conductor, master, gate, usual)
    # Their usual documentation pages would fetch scripts from elsewhere.
    app = FastAPI(
        title="inferswarm",
        version=__version__,
        description="Queues benchmarks of inference servers and tells their results.",
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(Bounds, reading=service.reading, asking=service.asking)
    add_routes(app, service)
    add_page(app, service)
    return app
