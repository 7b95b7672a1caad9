"""The lines of a large file, plain or gzip, in blocks, with the size and checksum of the file."""

import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from recbole_iacn.errors import ConfigError

_DAMAGE: tuple[type[Exception], ...] = (OSError, zlib.error)

try:
    from isal import igzip, isal_zlib

    _DAMAGE = (*_DAMAGE, isal_zlib.error)
except ImportError:  # two to three times slower
    igzip = None

_BLOCK = 1 << 22  # bytes of text at once
_LONGEST_LINE = 1 << 26
_MAGIC = b"\x1f\x8b"


class LineFile:
    """A file of lines, read once from front to end.

    Args:
        path (str or pathlib.Path): the file; gzip is recognised by its first bytes, not by its name.
        progress (callable, optional): called with the number of bytes (as stored) read since the last call.

    Attributes:
        name (str): file name without folder.
        size (int): bytes, as stored.
        line (int): lines handed out so far.

    Raises:
        ConfigError: the file is missing, cut short or damaged; names the line where this is detected.
    """

    def __init__(self, path: str | Path, progress: Callable[[int], object] | None = None) -> None:
        self.path, self.line = os.fspath(path), 0
        self.name = os.path.basename(self.path)
        try:
            self._raw = _Watched(self.path, progress)
        except OSError as error:
            raise ConfigError(f"{self.path}: {error.strerror}") from None
        self.size = os.path.getsize(self.path)

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes as stored; complete when all lines have been read."""
        return self._raw.sha256.hexdigest()

    def blocks(self) -> Iterator[tuple[int, list[bytes]]]:
        """Yields (int, list of bytes): number of the first line, from 1, and lines without their ends."""
        with self._raw:
            rest = b""
            while True:
                block = self._read()
                if not block:
                    break
                *lines, rest = (rest + block).split(b"\n")
                if lines:
                    yield self._counted(lines)
                elif len(rest) > _LONGEST_LINE:
                    raise ConfigError(
                        f"{self.path}, line {self.line + 1}: longer than 64 MiB; this is not a file of lines"
                    )
            if rest:
                yield self._counted([rest])

    def _counted(self, lines: list[bytes]) -> tuple[int, list[bytes]]:
        first = self.line + 1
        self.line += len(lines)
        return first, lines

    def _read(self) -> bytes:
        try:
            return self._raw.text.read(_BLOCK)
        except EOFError:
            problem = "the gzip stream ends early"
        except _DAMAGE as error:
            problem = f"the gzip stream is damaged ({error})"
        raise ConfigError(f"{self.path}, after line {self.line}: {problem}; download the file again") from None


class _Watched(io.RawIOBase):
    """The stored bytes, hashed and counted while the text is read."""

    def __init__(self, path: str, progress: Callable[[int], object] | None) -> None:
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115  (closed by close)
        self._progress, self.sha256 = progress, hashlib.sha256()
        packed = self._file.read(2) == _MAGIC
        self._file.seek(0)
        buffered = io.BufferedReader(self, 1 << 20)
        self.text = (igzip or gzip).open(buffered, "rb") if packed else buffered

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._file.readinto(buffer)
        self.sha256.update(memoryview(buffer)[:count])
        if self._progress and count:
            self._progress(count)
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
