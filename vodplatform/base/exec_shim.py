"""Start one program in its own session, with limits, dying with the thread that asked for it; nothing else.

Run as ``python -S -I exec_shim.py PARENT_PID SOFT_LIMITS -- PROGRAM ARG…`` and replaced by PROGRAM. It is
a program and not a ``preexec_fn`` because code between fork and exec in a threaded process can deadlock.

``SOFT_LIMITS`` is a comma-separated list of ``name=value`` with names of the ``resource`` module in lower
case (``data``, ``core``, ``nofile``, ``fsize``), or empty. RLIMIT_DATA rather than RLIMIT_AS: decoders
reserve gigabytes of address space that they never touch.
"""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    """Apply what ``argv`` asks for and exec; exits 127 when the program cannot be started."""
    parent = int(argv[0])
    limits = argv[1]
    command = argv[3:]
    os.setsid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have died before prctl took effect: then nobody would ever signal this process.
    if os.getppid() != parent:
        os._exit(125)
    for item in filter(None, limits.split(",")):
        name, value = item.split("=")
        number = int(value)
        resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (number, number))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    except OSError as exc:
        sys.stderr.write(f"cannot start {command[0]}: {exc}\n")
        os._exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
