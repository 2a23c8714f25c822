"""Confines a process that runs foreign code or reads hostile files.

`harden` takes away, for good and for all children of the process: privileges, core dumps, sockets,
looking into other processes, and changing the modes of files. `confine` takes away the files that
are not named, signals to others, and TCP. Both are Linux's: seccomp (x86-64 and arm64) and Landlock
(5.13; emptying files since 6.2, signals since 6.12). `missing` names the protections that this
system lacks. Only the calling thread is confined, so both come before any other is started.

Why not namespaces: distributions forbid them to unprivileged users, and containers to everybody.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import platform
import resource
import socket
import struct
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

PR_SET_DUMPABLE, PR_GET_SECCOMP, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 4, 21, 22, 38
_SECCOMP_MODE_FILTER = 2
NICENESS = 10
"""The niceness of a confined process: processes that answer people come first."""
_CAPABILITIES_V3 = 0x20080522


class _Machine(NamedTuple):
    """seccomp's name of a processor, its first foreign system call, and the numbers of calls."""

    audit: int
    beyond: int
    refused: tuple[int, ...]
    own: tuple[int, ...]
    signals: tuple[int, ...]

    @property
    def connecting(self) -> tuple[int, ...]:
        """The first two of `refused`: socket and connect."""
        return self.refused[:2]


_MACHINES = {
    # `refused`: socket, connect, bind, listen, accept, accept4; ptrace, process_vm_readv and
    # _writev, pidfd_getfd, perf_event_open; io_uring_setup, _enter, _register, which do what others
    # may not; bpf, userfaultfd; add_key, request_key, keyctl; unshare, setns, mount, umount2,
    # open_by_handle_at; chmod, fchmodat, fchmodat2, chown, lchown, fchownat, setxattr, lsetxattr,
    # removexattr, lremovexattr, which Landlock lets pass; truncate, which its first versions do;
    # pidfd_send_signal, whose first argument says nothing of whom it means.
    # `own`, only for the process itself (0): prlimit64, sched_setaffinity, sched_setscheduler,
    # sched_setattr.
    # `signals`: kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo.
    "x86_64": _Machine(
        0xC000003E,
        0x40000000,  # the calls of the x32 ABI have this bit
        (
            *(41, 42, 49, 50, 43, 288, 101, 310, 311, 438, 298, 425, 426, 427, 321, 323),
            *(248, 249, 250, 272, 308, 165, 166, 304),
            *(90, 268, 452, 92, 94, 260, 188, 189, 197, 198, 76, 424),
        ),
        (302, 203, 144, 314),
        (62, 200, 234, 129, 297),
    ),
    "aarch64": _Machine(
        0xC00000B7,
        0x40000000,
        (
            *(198, 203, 200, 201, 202, 242, 117, 270, 271, 438, 241, 425, 426, 427, 280, 282),
            *(217, 218, 219, 97, 268, 40, 39, 265),
            *(53, 452, 54, 5, 6, 14, 15, 45, 424),
        ),
        (261, 122, 119, 274),
        (129, 130, 131, 138, 240),
    ),
}

LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, EPERM = 0x7FFF0000, 0x00050001
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
"""Offsets in `struct seccomp_data`; the low half of the first argument."""

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
_BIND_TCP, _CONNECT_TCP = 1, 2
_INET = socket.AF_INET, socket.AF_INET6
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REFER, TRUNCATE, IOCTL = (
    1 << bit for bit in (0, 1, 2, 3, 13, 14, 15)
)
_REMOVE_AND_MAKE = sum(1 << bit for bit in (4, 5, 7, 8, 10, 12))
"""Removing anything; making folders, files, pipes and links: neither devices nor sockets."""
_EVERYTHING = ((1 << 13) - 1, (1 << 14) - 1, (1 << 15) - 1, (1 << 15) - 1, (1 << 16) - 1)
"""All rights on files that the versions of Landlock know, from the first on."""
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL
_READ = EXECUTE | READ_FILE | READ_DIR
_WRITE = _READ | WRITE_FILE | TRUNCATE | REFER | _REMOVE_AND_MAKE
_TRUNCATION_SINCE = 3
"""The version of Landlock that prevents truncation of a readable file."""
_SIGNALS_SINCE = 6
"""The version of Landlock that confines signals."""

_SYSTEM_PATHS = (
    *("/usr", "/lib", "/lib64", "/bin", "/sbin", "/proc", "/sys/devices/system", "/sys/fs/cgroup"),
    *("/dev/zero", "/dev/random", "/dev/urandom", "/etc/ld.so.cache", "/etc/localtime"),
    *("/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/mime.types", "/etc/os-release"),
    *("/etc/alternatives", "/etc/fonts", "/nix/store"),
)
"""The paths of every program. Not all of /etc: a master key may lie there."""
_NETWORK_PATHS = (
    *("/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf", "/etc/services"),
    *("/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf", "/etc/pki/tls"),
    *("/etc/pki/ca-trust", "/etc/ca-certificates"),
)


def harden(*, network: bool = False) -> None:
    """Drop rights that this process never needs. Raises OSError when the system refuses.

    With `network` it may connect to others by IPv4 and IPv6, and by no other kind of socket.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _drop_capabilities(libc)
    if (machine := _machine(libc)) is not None:
        _filter(
            libc,
            machine,
            refused=machine.refused[len(machine.connecting) :] if network else machine.refused,
            own=machine.own,
            myself=0,
            inet=machine.connecting[0] if network else None,
        )


def disconnect() -> None:
    """Take from this thread, and from those that it starts, what `network` gave: connections.

    Those that there are stay. Raises OSError when the system refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "linux" and (machine := _machine(libc)) is not None:
        _filter(libc, machine, refused=machine.connecting, own=(), myself=0)


def give_way(pid: int = 0) -> None:
    """Give a process (0: this one) the niceness NICENESS, unless it has ended."""
    with contextlib.suppress(ProcessLookupError):
        nice = max(NICENESS, os.getpriority(os.PRIO_PROCESS, pid))
        os.setpriority(os.PRIO_PROCESS, pid, nice)


def confine(read: Iterable[Path], write: Sequence[Path], *, network: bool = False) -> None:
    """Restrict this process to reading `read` and Python, and to writing `write`.

    With `network` it may connect by TCP, and read the system's names of hosts and certificates.

    Comes after `harden`. Where there is no Landlock it only forbids signals to others. From here on
    the process has NICENESS. Raises OSError when the system has it and refuses, or a path is
    missing.
    """
    give_way()
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))  # nor is it written out by a crash handler
    version = _landlock(libc)
    if version < _SIGNALS_SINCE and (machine := _machine(libc)) is not None:
        _filter(libc, machine, refused=(), own=machine.signals, myself=os.getpid())
    if version < 1:
        return
    every = _EVERYTHING[min(version, len(_EVERYTHING)) - 1]
    tcp = _BIND_TCP if network else _BIND_TCP | _CONNECT_TCP
    attributes = struct.pack("=QQQ", every, tcp, 3)[
        : 8 if version < 4 else 16 if version < 6 else 24
    ]
    ruleset = _check(libc.syscall(CREATE_RULESET, attributes, len(attributes), 0))
    try:
        for rights, paths in (
            (_READ, (*readable_paths(), *(network_paths() if network else ()), *read)),
            (_WRITE, write),
            (READ_FILE | WRITE_FILE, (Path("/dev/null"),)),
        ):
            for path in paths:
                _permit(libc, ruleset, path, rights & every)
        _check(libc.syscall(RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


@functools.cache
def readable_paths() -> tuple[Path, ...]:
    """Return the existing paths of Python and its libraries."""
    loaded = {
        str(Path(file).resolve().parent)
        for name, module in list(sys.modules.items())
        if name.startswith("autolearn.") and (file := getattr(module, "__file__", None))
    }
    named = {*_SYSTEM_PATHS, *sys.path, sys.prefix, sys.base_prefix, *loaded} - {""}
    return tuple(path for path in map(Path, sorted(named)) if path.exists())


@functools.cache
def network_paths() -> tuple[Path, ...]:
    """Return the existing paths that a client of TLS reads, of the files that links lead to."""
    return tuple(path.resolve() for path in map(Path, _NETWORK_PATHS) if path.exists())


def missing() -> tuple[str, ...]:
    """Return the protections that this system lacks, a few words each."""
    if sys.platform != "linux":
        return ("network", "files", "signals", "memory")  # memory is counted in /proc
    libc = ctypes.CDLL(None, use_errno=True)
    version, machine = _landlock(libc), _machine(libc)
    lacks = {
        "network": machine is None,
        "files": version < 1,
        "truncation": 0 < version < _TRUNCATION_SINCE,
        "signals": version < _SIGNALS_SINCE and machine is None,
    }
    return tuple(name for name, lacking in lacks.items() if lacking)


def _machine(libc: ctypes.CDLL) -> _Machine | None:
    """Return the machine if its kernel has seccomp filters, and we know its numbers."""
    if sys.maxsize < 1 << 32 or libc.prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0:
        return None
    return _MACHINES.get(platform.machine())


def _landlock(libc: ctypes.CDLL) -> int:
    return max(0, int(libc.syscall(CREATE_RULESET, None, 0, 1)))


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Drop root's rights beyond its own files; other users have none."""
    header, nothing = struct.pack("=Ii", _CAPABILITIES_V3, 0), bytes(24)
    _check(libc.capset(header, nothing))


def _filter(
    libc: ctypes.CDLL,
    machine: _Machine,
    *,
    refused: Sequence[int],
    own: Sequence[int],
    myself: int,
    inet: int | None = None,
) -> None:
    """Refuse system calls by EPERM: `refused`, and `own` unless for the process itself.

    And `inet`, the call that makes a socket, unless it is one of the internet's families.
    """
    program = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, machine.audit),
        (RETURN, 0, 0, EPERM),  # a call of another architecture has other numbers
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, machine.beyond),
        (RETURN, 0, 0, EPERM),
    ]
    for number in refused:
        program += [(EQUAL, 0, 1, number), (RETURN, 0, 0, EPERM)]
    only = [(number, (0, myself)) for number in own]
    only += [] if inet is None else [(inet, _INET)]
    for number, (one, other) in only:
        program += [
            (EQUAL, 0, 5, number),
            (LOAD, 0, 0, FIRST_ARGUMENT),
            (EQUAL, 1, 0, one),
            (EQUAL, 0, 1, other),
            (RETURN, 0, 0, ALLOW),
            (RETURN, 0, 0, EPERM),
        ]
    program.append((RETURN, 0, 0, ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in program))
    described = struct.pack("@HP", len(program), ctypes.addressof(code))
    _check(libc.prctl(PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, described, 0, 0))


def _permit(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    """Add a rule for a file, or for a folder and everything below it."""
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        within = rights if path.is_dir() else rights & _OF_FILES
        _check(libc.syscall(ADD_RULE, ruleset, 1, struct.pack("=Qi", within, place), 0))
    finally:
        os.close(place)


def _check(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"the sandbox cannot be made: {os.strerror(code)}")
    return result
