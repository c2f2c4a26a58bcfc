"""The child of the synthetic job: free of Django, it steps and misbehaves as its parameters say."""

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

LINE = "x" * 1000


def say(**message: Any) -> None:
    print(json.dumps(message), flush=True)


def main() -> None:
    """Read {first, steps, seconds, dies_at, leak_mb, flood_mb, forks, fork_name} from stdin; say how far it is."""
    params = json.load(sys.stdin)
    for _ in range(params.get("forks", 0)):
        # In a session of its own, as something that wants to outlive its parent would be.
        subprocess.Popen(["sleep", f"600.{params.get('fork_name', 0)}"], start_new_session=True)
    leaked = bytearray()
    for step in range(params["first"], params["steps"]):
        if step == params.get("dies_at"):
            os.kill(os.getpid(), signal.SIGKILL)
        leaked += os.urandom(params.get("leak_mb", 0) << 20)
        for _ in range(params.get("flood_mb", 0) * 1000):
            say(progress=1, message=LINE)
        time.sleep(params["seconds"])
        done = step + 1
        say(progress=100 * done / params["steps"], message=f"Step {done}/{params['steps']}", checkpoint={"step": done})


if __name__ == "__main__":
    main()
