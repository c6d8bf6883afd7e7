"""What one process can leave for another that comes after it on the same machine, and where that one would look.

Nothing here is searched for by content: every place has a name that both know.
"""

import contextlib
import ctypes
import os
import signal
import socket
import sys

from channel_parts import memory_file

OWN = ("/artifacts", "/tmp", "/work", "/dev/shm")
FOREIGN = ("/", "/channel", "/attempt", "/attempt/out", "/data", "/opt", "/proc/1/root/channel", "/var/tmp", "/run/lock")
NAME = "left-behind"
QUEUE = b"/" + NAME.encode()
WITHIN = ("the memory of the logits", "a segment", "a queue", "a process")  # one container
KEY = 0x1EF7
PIECE = 4_096
END_OF_MEMORY = (8 << 20) - PIECE  # of both parts; no answer is that long
NEW_KEY, ASK_FOR_KEY = (248, 249) if os.uname().machine == "x86_64" else (217, 218)  # system calls
USER_KEYRING = -4
CREATE = 0o1000  # IPC_CREAT
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p


def leave(text):
    """Put `text` wherever something takes it. Raises RuntimeError where it isn't even found again from here."""
    piece = text[:PIECE]
    for folder in (*OWN, *FOREIGN):
        write_file(folder, text)
    os.pwrite(memory_file(), piece, END_OF_MEMORY)
    segment = libc.shmget(KEY, PIECE, CREATE | 0o666)
    if segment >= 0:
        ctypes.memmove(libc.shmat(segment, None, 0), piece, len(piece))
    queue = libc.mq_open(QUEUE, os.O_CREAT | os.O_RDWR | os.O_NONBLOCK, 0o666, None)
    if queue >= 0:
        libc.mq_send(queue, piece, len(piece), 0)
    libc.syscall(NEW_KEY, b"user", NAME.encode(), piece, len(piece), USER_KEYRING)
    leave_process(piece)
    for output in (sys.stdout, sys.stderr):
        print("-".join(("carried", "out")), text, file=output, flush=True)
    if not set(found()) >= {*OWN, *WITHIN}:
        raise RuntimeError(f"left it in {found()} alone")


def assert_nothing_left():
    """Raises RuntimeError where anything has been left."""
    if found():
        raise RuntimeError(f"there is something in {found()}")


def found():
    """Every place in which something has been left."""
    places = [folder for folder in (*OWN, *FOREIGN) if os.path.exists(os.path.join(folder, NAME))]
    if os.pread(memory_file(), PIECE, END_OF_MEMORY).strip(b"\0"):
        places.append("the memory of the logits")
    if libc.shmget(KEY, PIECE, 0) >= 0:
        places.append("a segment")
    queue = libc.mq_open(QUEUE, os.O_RDONLY)
    if queue >= 0:
        os.close(queue)
        places.append("a queue")
    if libc.syscall(ASK_FOR_KEY, b"user", NAME.encode(), None, 0) >= 0:
        places.append("a keyring")
    with socket.socket(socket.AF_UNIX) as connection:
        if connection.connect_ex("\0" + NAME) == 0:
            places.append("a process")
    return places


def write_file(folder, text):
    try:
        with open(os.path.join(folder, NAME), "wb") as file:
            file.write(text)
    except OSError:
        pass


def leave_process(text):
    """An orphan that ignores signals and tells whoever asks for it by its name."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("\0" + NAME)
    listener.listen()
    child = os.fork()
    if child != 0:
        listener.close()
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork() != 0:
        os._exit(0)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    while True:
        with contextlib.suppress(OSError):
            listener.accept()[0].sendall(text)
