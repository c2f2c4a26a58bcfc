"""``python -m bench.neighbour ADDRESS KEY``: request ``/api/v1/me`` repeatedly as a second account.

The lines ``on`` and ``off`` on standard input start and pause the requests. The program prints, for each
request, its monotonic time and the seconds until the answer.
"""

from __future__ import annotations

import http.client
import sys
import threading
import time
from urllib.parse import urlsplit

PAUSE_SECONDS = 0.012
ANSWER_SECONDS = 120.0


def main() -> None:
    address, key = sys.argv[1:]
    is_on = threading.Event()
    threading.Thread(target=_ask, args=(address, key, is_on), daemon=True).start()
    for line in sys.stdin:
        if line.strip() == "on":
            is_on.set()
        else:
            is_on.clear()


def _ask(address: str, key: str, is_on: threading.Event) -> None:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=ANSWER_SECONDS)
    headers = {"Authorization": f"Token {key}", "Accept": "application/json"}
    while is_on.wait():
        sent = time.monotonic()
        try:
            connection.request("GET", "/api/v1/me", headers=headers)
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            connection.close()
        print(f"{sent} {time.monotonic() - sent}", flush=True)
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
