"""A launcher that starts one program in its own session, sandboxed and with limits.

Usage: ``python -S -I sandbox.py PARENT_PID SOFT_LIMITS [RULE…] -- PROGRAM ARG…``. PROGRAM dies with the thread that
started it. A ``preexec_fn`` instead of a launcher could deadlock in a threaded parent.

SOFT_LIMITS is a list such as ``data=1000000,core=0``, with names of the ``resource`` module in lower case. Limit
``data`` rather than ``as``, because decoders reserve gigabytes that they never touch.

RULE is ``run=PATH``, ``read=PATH``, ``write=PATH``, ``list=PATH`` or ``connect=PORT``; run and write include read. With
a rule, PROGRAM and its descendants can access only what the rules name; docs/reference/security.md describes their
confinement. Features that the kernel lacks are skipped.
"""

import ctypes
import os
import resource
import signal
import stat
import struct
import sys

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER = 1, 38, 22, 24, 36
SECCOMP_MODE_FILTER = 2
# All capability numbers are below CAPABILITIES. The sandbox drops all except CAP_DAC_OVERRIDE (1) and
# CAP_DAC_READ_SEARCH (2), which let root access every file. Landlock still limits root to the rules' files.
CAPABILITIES, OF_FILES = 64, (1, 2)
libc = ctypes.CDLL(None, use_errno=True)

# Landlock's system call numbers, equal on all architectures, and constants of linux/landlock.h.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
GIVE_VERSION, PATH_BENEATH, NET_PORT = 1, 1, 2
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REFER, TRUNCATE, IOCTL_DEV = (1 << bit for bit in (0, 1, 2, 3, 13, 14, 15))
OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
BIND_TCP, CONNECT_TCP = 1, 2
ABSTRACT_SOCKETS, SIGNALS = 1, 2

# Numbers of the refused system calls, by machine. Decoders need none of these calls.
#
# - Access to other processes, the kernel or namespaces: ptrace, process_vm_readv and _writev, pidfd_getfd, mount,
#   umount2, pivot_root, chroot, unshare, setns, open_by_handle_at, bpf, perf_event_open, userfaultfd, io_uring_setup,
#   keyctl, add_key, request_key, init_module, finit_module, delete_module, kexec_load, open_tree, move_mount, fsopen,
#   kexec_file_load, fanotify_init.
# - Leaving the process group: setsid, setpgid.
# - Memory that is not counted or outlives the process: shmget, msgget, semget, mq_open, memfd_create.
# - Changing file attributes, which Landlock does not protect: chmod, chown, utime, setxattr, removexattr, in all forms.
# - Slowing down other processes: setpriority, sched_setparam, sched_setscheduler, sched_setattr, ioprio_set.
# - Others: listen; truncate, which Landlock covers only since Linux 6.2; memfd_secret, whose memory is not counted.
REFUSED = {
    "x86_64": (
        101, 310, 311, 438, 165, 166, 155, 161, 272, 308, 304, 321, 298, 323, 425, 250, 248, 249, 175, 313, 176, 246,
        428, 429, 430, 320, 300, 112, 109, 29, 68, 64, 240, 319,
        90, 91, 268, 452, 92, 93, 94, 260, 132, 235, 261, 280, 188, 189, 190, 197, 198, 199, 463, 466,
        141, 142, 144, 314, 251, 50, 76, 447,
    ),
    "aarch64": (
        117, 270, 271, 438, 40, 39, 41, 51, 97, 268, 265, 280, 241, 282, 425, 219, 217, 218, 105, 273, 106, 104,
        428, 429, 430, 294, 262, 157, 154, 194, 186, 190, 180, 279,
        52, 53, 452, 54, 55, 88, 5, 6, 7, 14, 15, 16, 463, 466,
        140, 118, 119, 274, 30, 201, 45, 447,
    ),
}  # fmt: skip
# System calls that are refused only with certain arguments: clone, socket, socketpair, prlimit64, sendto, sendmsg,
# sendmmsg, prctl, openat, open (-1 if the architecture lacks it).
CHECKED_CALLS = {
    "x86_64": (56, 41, 53, 302, 44, 46, 307, 157, 257, 2),
    "aarch64": (220, 198, 199, 261, 206, 211, 269, 167, 56, -1),
}
AUDIT_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# Filters cannot read the flags of clone3 and openat2. The filter therefore answers ENOSYS, after which programs use
# clone and openat.
CLONE3, OPENAT2 = 435, 437
NAMESPACES = 0x7E020000  # flags of clone that create a namespace
INTERNET = (2, 10)  # socket families AF_INET and AF_INET6
PROTOCOLS = (0, 6, 17)  # allowed protocols: 0 (the default), TCP, UDP; MPTCP is refused because it bypasses Landlock
STREAM, DATAGRAM, KINDS = 1, 2, 0xF  # socket types SOCK_STREAM and SOCK_DGRAM, and the bit mask of the type
ACCESS_MODE, TRUNCATES = 0x3, 0x200  # flags of open: O_ACCMODE, O_TRUNC
OPENS_CONNECTION = 0x20000000  # MSG_FASTOPEN, which opens a connection without a call of connect
LOAD, AND, EQUAL, AT_LEAST, HAS_BIT, RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06  # operations of a BPF program
NUMBER, ARCHITECTURE = 0, 4  # offsets in struct seccomp_data
ARGUMENTS = [16 + 8 * index for index in range(4)]  # offsets in seccomp_data of the lower 32 bits of each argument
ALLOW, REFUSE, ABSENT = 0x7FFF0000, 0x00050001, 0x00050026  # filter results: allow, fail with EPERM, fail with ENOSYS
OTHER_TABLE = 0x40000000  # first system call of the x32 ABI on x86_64


def main(argv: list[str]) -> None:
    """Apply the limits and rules of ``argv`` and run the program in this process. On an error, exit with 127."""
    parent = int(argv[0])
    limits = argv[1]
    end = argv.index("--")
    rules, command = [rule.partition("=")[::2] for rule in argv[2:end]], argv[end + 1 :]
    try:  # noqa: SIM105 - contextlib would cost each child some milliseconds
        os.setsid()
    except PermissionError:  # this process already runs in a sandbox, which forbids setsid
        pass
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(125)
    for item in filter(None, limits.split(",")):
        name, value = item.split("=")
        number = int(value)
        if name == "nice":
            lower_priority(number)
            continue
        resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (number, number))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    if rules:
        drop_capabilities()
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        restrict_files(rules)
        restrict_calls(has_network=any(name == "connect" for name, _ in rules))
    try:
        os.execvp(command[0], command)
    except OSError as exc:
        sys.stderr.write(f"cannot start {command[0]}: {exc}\n")
        os._exit(127)


def lower_priority(niceness: int) -> None:
    """Let web requests run before this process: decoders and encoders use all processor time that they get.

    Linux may compare the priorities of processes only within one session (``setsid``), called an autogroup.
    Therefore, also lower the priority of the autogroup.
    """
    try:
        os.nice(niceness)
        with open("/proc/self/autogroup", "w") as file:
            file.write(str(niceness))
    except OSError:
        pass  # the write fails in a sandbox, without autogroups, or within 0.1 s of a previous write


def drop_capabilities() -> None:
    for number in range(CAPABILITIES):
        if number not in OF_FILES:
            libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)


def restrict_files(rules: list[tuple[str, str]]) -> None:
    version = libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), GIVE_VERSION)
    if version < 1:
        return
    handled = (1 << 13) - 1
    for since, right in ((2, REFER), (3, TRUNCATE), (5, IOCTL_DEV)):
        handled |= right if version >= since else 0
    # Each Landlock version accepts only its own size of the ruleset structure.
    attributes = struct.pack("=QQQ", handled, BIND_TCP | CONNECT_TCP, ABSTRACT_SOCKETS | SIGNALS)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = libc.syscall(CREATE_RULESET, attributes, ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return
    reads = READ_FILE | READ_DIR
    granted = {"run": reads | EXECUTE, "read": reads, "list": READ_DIR, "write": handled & ~EXECUTE}
    for name, value in rules:
        if name == "connect":
            if version >= 4:
                rule = struct.pack("=QQ", CONNECT_TCP, int(value))
                libc.syscall(ADD_RULE, ruleset, NET_PORT, rule, 0)
            continue
        try:
            place = os.open(value, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        is_folder = stat.S_ISDIR(os.fstat(place).st_mode)
        rights = granted[name] if is_folder else granted[name] & OF_A_FILE & handled
        libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
        os.close(place)
    libc.syscall(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def restrict_calls(*, has_network: bool) -> None:
    machine = calls_of()
    if machine not in REFUSED:
        return
    clone, socket, socketpair, prlimit, sendto, sendmsg, sendmmsg, prctl, openat, open_ = CHECKED_CALLS[machine]
    # Each block is a list of filter steps: (operation, operand, block to jump to if true, block to jump to if false).
    # None continues with the next step.
    blocks: dict[str, list[tuple[int, int, str | None, str | None]]] = {
        "": [
            (LOAD, ARCHITECTURE, None, None),
            (EQUAL, AUDIT_ARCHITECTURE[machine], None, "refuse"),
            (LOAD, NUMBER, None, None),
            (AT_LEAST, OTHER_TABLE, "refuse", None),
            *((EQUAL, number, "refuse", None) for number in REFUSED[machine]),
            (EQUAL, CLONE3, "absent", None),
            (EQUAL, OPENAT2, "absent", None),
            (EQUAL, clone, "clone", None),
            (EQUAL, socket, "socket" if has_network else "refuse", None),
            (EQUAL, socketpair, "socketpair", None),
            (EQUAL, prlimit, "prlimit", None),
            (EQUAL, sendmsg, "sendmsg", None),
            (EQUAL, prctl, "prctl", None),
            (EQUAL, openat, "openat", None),
            *([(EQUAL, open_, "open", None)] if open_ >= 0 else []),
            (EQUAL, sendto, "send", None),
            (EQUAL, sendmmsg, "send", "allow"),
        ],
        "clone": [(LOAD, ARGUMENTS[0], None, None), (HAS_BIT, NAMESPACES, "refuse", "allow")],
        "socket": [
            (LOAD, ARGUMENTS[0], None, None),
            *((EQUAL, family, "protocol", None) for family in INTERNET[:-1]),
            (EQUAL, INTERNET[-1], "protocol", "refuse"),
        ],
        # Refuse O_TRUNC without write access: before Linux 6.2, Landlock does not restrict truncation.
        "open": [(LOAD, ARGUMENTS[1], None, None), (HAS_BIT, TRUNCATES, "writes", "allow")],
        "openat": [(LOAD, ARGUMENTS[2], None, None), (HAS_BIT, TRUNCATES, "writes", "allow")],
        "writes": [(AND, ACCESS_MODE, None, None), (EQUAL, 0, "refuse", "allow")],
        # Refuse to reset PR_SET_CHILD_SUBREAPER and PR_SET_PDEATHSIG, which main() has set.
        "prctl": [
            (LOAD, ARGUMENTS[0], None, None),
            (EQUAL, PR_SET_CHILD_SUBREAPER, "subreaper", None),
            (EQUAL, PR_SET_PDEATHSIG, "death", "allow"),
        ],
        "subreaper": [(LOAD, ARGUMENTS[1], None, None), (EQUAL, 0, "refuse", "allow")],
        "death": [(LOAD, ARGUMENTS[1], None, None), (EQUAL, signal.SIGKILL, "allow", "refuse")],
        "protocol": [
            (LOAD, ARGUMENTS[2], None, None),
            *((EQUAL, protocol, "kind", None) for protocol in PROTOCOLS[:-1]),
            (EQUAL, PROTOCOLS[-1], "kind", "refuse"),
        ],
        "kind": [
            (LOAD, ARGUMENTS[1], None, None),
            (AND, KINDS, None, None),
            (EQUAL, STREAM, "allow", None),
            (EQUAL, DATAGRAM, "allow", "refuse"),
        ],
        "socketpair": [
            (LOAD, ARGUMENTS[1], None, None),
            (AND, KINDS, None, None),
            (EQUAL, STREAM, "allow", "refuse"),
        ],
        "prlimit": [(LOAD, ARGUMENTS[0], None, None), (EQUAL, 0, "allow", "refuse")],
        "sendmsg": [(LOAD, ARGUMENTS[2], None, None), (HAS_BIT, OPENS_CONNECTION, "refuse", "allow")],
        "send": [(LOAD, ARGUMENTS[3], None, None), (HAS_BIT, OPENS_CONNECTION, "refuse", "allow")],
        "refuse": [(RETURN, REFUSE, None, None)],
        "allow": [(RETURN, ALLOW, None, None)],
        "absent": [(RETURN, ABSENT, None, None)],
    }
    places, at = {}, 0
    for name, steps in blocks.items():
        places[name], at = at, at + len(steps)
    program = b""
    for at, (operation, operand, then, otherwise) in enumerate(step for steps in blocks.values() for step in steps):
        jumps = [places[name] - at - 1 if name else 0 for name in (then, otherwise)]
        program += struct.pack("=HBBI", operation, *jumps, operand)
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0)


def calls_of() -> str:
    return os.uname().machine if sys.maxsize > 2**32 else ""


if __name__ == "__main__":
    main(sys.argv[1:])
