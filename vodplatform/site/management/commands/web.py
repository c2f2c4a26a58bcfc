from __future__ import annotations

import contextlib
import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings

from vodplatform.core.processes.commands import Command as BaseCommand


class Command(BaseCommand):
    help = "Serve HTTP, WebSockets and media on one port until SIGTERM."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default 8000)")
        parser.add_argument(
            "--trusted-proxies",
            metavar="ADDRESS,…",
            default=os.environ.get("FORWARDED_ALLOW_IPS", ""),
            help="addresses and networks of proxies whose X-Forwarded-For is trusted "
            "(default: the environment variable FORWARDED_ALLOW_IPS, or no proxies)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        from vodplatform.core.web.server import make_server

        server = make_server(options["host"], options["port"], options["trusted_proxies"], settings.DRAIN_SECONDS)
        # Load the application before `run` installs signal handlers: until then, SIGTERM ends the process at once.
        server.config.load_app()
        with contextlib.suppress(KeyboardInterrupt):
            server.run()
