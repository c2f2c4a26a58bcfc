"""HTTP servers on loopback that run in a thread of this process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import HTTPServer
from typing import Any

import uvicorn

from tests.support.waiting import wait_until


@contextmanager
def serving(server: HTTPServer) -> Iterator[str]:
    """Run a server during the block; yield its address."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def serving_app(application: Any, **options: Any) -> Iterator[tuple[int, uvicorn.Server]]:
    """Serve an ASGI application during the block; yield the port and the server. options: options of uvicorn."""
    config = uvicorn.Config(application, port=0, loop="uvloop", lifespan="off", log_config=None, **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield server.servers[0].sockets[0].getsockname()[1], server
    finally:
        server.should_exit = True
        thread.join(10)
