"""The socket of the web server, held from one start to the next: who connects meanwhile waits instead of being refused.

A process finds it by the protocol of systemd's socket activation, sd_listen_fds(3): LISTEN_PID names the process,
LISTEN_FDS says how many sockets there are, the first of them is descriptor 3.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

FIRST = 3  # SD_LISTEN_FDS_START
BACKLOG = 1024  # connections that wait, as gunicorn has it
PAUSE_SECONDS = 0.1


def inherited(environ: Mapping[str, str]) -> socket.socket | None:
    """The socket that this process was given, if it was given one."""
    if environ.get("LISTEN_PID") != str(os.getpid()) or environ.get("LISTEN_FDS", "0") == "0":
        return None
    try:
        return socket.socket(fileno=FIRST)
    except OSError:
        return None


def bind(host: str, port: int, seconds: float) -> socket.socket:
    """A socket at this address; a port that is taken is tried again for so long. Raise OSError or OverflowError."""
    end = time.monotonic() + seconds
    while True:
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
        except BaseException as error:
            listener.close()
            taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            if not taken or time.monotonic() > end:
                raise
            time.sleep(PAUSE_SECONDS)
        else:
            return listener


def is_at(listener: socket.socket, host: str, port: int) -> bool:
    """Whether it listens where the settings say; a host may be a name."""
    with suppress(OSError):
        known = {found[4][:2] for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        return listener.getsockname()[:2] in known
    return False


def hand_over(listener: socket.socket) -> dict[str, str]:
    """Make the socket the one that the program finds which this process becomes next; return its environment.

    It listens from now on, if it did not before: those who connect wait for that program.
    """
    listener.listen(BACKLOG)
    os.dup2(listener.fileno(), FIRST, inheritable=True)
    return {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
