"""Disks that are full, or that nobody may write to, for one forked process: nothing of the machine is changed."""

import contextlib
import ctypes
import os
import pickle
import resource
import signal
import sys
import threading
import traceback
from pathlib import Path

_NEW_MOUNTS, _NEW_USER = 0x00020000, 0x10000000  # Linux's sched.h
_READ_ONLY, _REMOUNT, _PRIVATE, _RECURSIVE = 1, 32, 1 << 18, 1 << 14  # Linux's mount.h


def in_child(work):
    """What ``work()`` returns in a forked process, whose mounts and limits are its own, and all that it prints.

    Raises:
        AssertionError: it raised an exception, or was killed.
    """
    (answer, answers), (said, says) = os.pipe(), os.pipe()
    sys.stdout.flush(), sys.stderr.flush()
    child = os.fork()
    if not child:
        os.dup2(says, 1), os.dup2(says, 2)
        try:
            result = True, work()
        except BaseException as error:
            result = False, f"{type(error).__name__}: {error}"
            traceback.print_exc()
        sys.stdout.flush(), sys.stderr.flush()
        with open(answers, "wb") as file:
            pickle.dump(result, file)
        os._exit(0)
    os.close(answers), os.close(says)
    printed = []
    with open(said, "rb") as output, open(answer, "rb") as results:
        reader = threading.Thread(target=lambda: printed.append(output.read().decode(errors="replace")))
        reader.start()
        content = results.read()
        reader.join()
    _, status = os.waitpid(child, 0)
    assert content, f"the process was killed, status {status}: {printed[0]}"
    whole, result = pickle.loads(content)
    assert whole, result
    return result, printed[0]


def small_disk(place, size):
    """Mount a disk of ``size`` bytes at a folder, for this process alone; False where the machine does not allow it."""
    return _mounts() and _mount(place, size)


def read_only(place):
    """Let nobody write to a folder from now on, in this process alone. It lies on a disk of :func:`small_disk`, or
    this process is not the administrator's."""
    system = ctypes.CDLL(None, use_errno=True)
    if os.path.ismount(place):
        assert not system.mount(None, os.fsencode(place), None, _REMOUNT | _READ_ONLY, None), ctypes.get_errno()
    else:
        os.chmod(place, 0o555)


def limit_files(size):
    """Let no file of this process grow beyond ``size`` bytes: what a full disk is where nothing may be mounted."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def _mounts():
    """A world of mounts of this process's own."""
    if not sys.platform.startswith("linux"):
        return False
    system = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if system.unshare(_NEW_MOUNTS):
        if system.unshare(_NEW_MOUNTS | _NEW_USER):
            return False
        with contextlib.suppress(OSError):
            Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    return not system.mount(None, b"/", None, _RECURSIVE | _PRIVATE, None)


def _mount(place, size):
    system = ctypes.CDLL(None, use_errno=True)
    Path(place).mkdir(parents=True, exist_ok=True)
    return not system.mount(b"none", os.fsencode(place), b"tmpfs", 0, f"size={size}".encode())
