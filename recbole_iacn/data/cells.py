"""The cells of an atomic file as they are written: a quotation mark is a character, and each line has all its cells.

A file is read in blocks of whole lines. In a block, one pass finds every separator and line end; where they alternate
as the header announces, the cells are the bytes between them. Only where they do not are lines looked at one by one.
"""

import codecs
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from recbole_iacn.errors import ConfigError

TYPES = ("token", "token_seq", "float", "float_seq")
WORD = np.dtype("<u8")
PADDING = WORD.itemsize  # bytes after a block, so that a whole word can be read from its last byte on

_BLOCK = 1 << 24
_NEWLINE, _RETURN = 10, 13
_QUOTES = "; a quotation mark is a character here and protects no separator or line end"


class Block:
    """The cells of some lines.

    Args:
        text (numpy.ndarray): their bytes and ``PADDING`` more, uint8.
        start, end (numpy.ndarray): place of each cell's first byte, and of the one after its last, int64,
            shape (rows, columns).
    """

    def __init__(self, text: np.ndarray, start: np.ndarray, end: np.ndarray) -> None:
        self.text, self.start, self.end = text, start, end

    def __len__(self) -> int:
        return len(self.start)


class AtomicFile:
    """An atomic file: its header, and its cells by blocks.

    Args:
        path: the file.
        encoding: of its text; None is utf-8.
        separator: of the columns, text of any length.

    Attributes:
        columns (dict of str to str): the header, column to type.
        times_in_text (set of str): columns of times that were found to be text; filled when they are read.

    Raises:
        ConfigError: the header is none, or not in this encoding.
    """

    def __init__(self, path: str | Path, encoding: str | None, separator: str) -> None:
        self.path, self.encoding, self.separator = str(path), encoding or "utf-8", separator
        self.columns = self._header()
        self.times_in_text: set[str] = set()
        self._blank: list[int] = []  # numbers of lines without a character

    # --- The header ---------------------------------------------------------------------------------------------

    def _header(self):
        try:
            if codecs.lookup(self.encoding).name.startswith(("utf-16", "utf-32")):
                with open(self.path, encoding=self.encoding, newline="\n") as file:
                    head = file.readline()
            else:
                with open(self.path, "rb") as file:
                    line = file.readline()
                if line and not line.strip(b"\0"):
                    raise self.error(1, "holds NUL bytes alone, so the file is damaged; copy it again")
                if b"\0" in line or line.startswith((b"\xff\xfe", b"\xfe\xff")):
                    raise ConfigError(f"encoding: {self.path} looks like UTF-16; set encoding: utf-16")
                head = line.decode(self.encoding)
        except UnicodeError:
            raise self.not_encoded(1) from None
        head = head.removeprefix("\ufeff").rstrip("\n").removesuffix("\r")
        if "\r" in head:
            raise self.error(1, "lines end with a carriage return alone; save the file with line ends \\n")
        columns: dict[str, str] = {}
        for cell in head.split(self.separator):
            field, colon, kind = cell.partition(":")
            if not (field and colon) or kind not in TYPES:
                raise self.error(
                    1,
                    f"{cell!r} is not 'field:type' with type token, token_seq, float or float_seq "
                    f"(field_separator is {self.separator!r}){_QUOTES if cell.startswith(chr(34)) else ''}",
                )
            if field in columns:
                raise self.error(1, f"two columns are called {field!r}; rename one of them")
            columns[field] = kind
        return columns

    # --- The lines ----------------------------------------------------------------------------------------------

    def blocks(self) -> Iterator[Block]:
        """The lines after the header, in order; lines without a character are left out.

        Raises:
            ConfigError: names the first line with too few or too many cells, or with a NUL byte or a carriage return
                within.
        """
        text, separator = self._bytes()
        self._blank, rows = [], 0
        begin = _after_line(text, 0)
        while begin < len(text):
            stop = _end_of_lines(text, begin)
            size = stop - begin
            block = np.zeros(size + 1 + PADDING, np.uint8)
            block[:size] = text[begin:stop]
            if block[size - 1] != _NEWLINE:
                block[size], size = _NEWLINE, size + 1
            cells = self._cells(block, size, separator, rows)
            rows += len(cells)
            if len(cells):
                yield cells
            begin = stop

    def _bytes(self):
        """The text in UTF-8, and the one byte that separates its columns."""
        separator = self.separator.encode()
        if codecs.lookup(self.encoding).name in ("utf-8", "utf-8-sig") and len(separator) == 1:
            empty = Path(self.path).stat().st_size == 0
            return np.zeros(0, np.uint8) if empty else np.memmap(self.path, np.uint8, "r"), separator[0]
        raw = Path(self.path).read_bytes()
        try:
            text = raw.decode(self.encoding).encode()
        except UnicodeDecodeError as error:
            before = raw[: error.start].decode(self.encoding, "ignore")
            raise self.not_encoded(1 + before.count("\n")) from None
        except UnicodeError:
            raise self.not_encoded(1) from None
        if len(separator) > 1:
            free = next(one for one in range(0x1C, 0x20) if one not in text)
            text, separator = text.replace(separator, bytes([free])), bytes([free])
        return np.frombuffer(text, np.uint8), separator[0]

    def _cells(self, block, size, separator, rows):
        lines = block[:size]
        is_end = lines == _NEWLINE
        marks = np.flatnonzero(is_end | (lines == separator))
        width = len(self.columns)
        regular = len(marks) % width == 0 and np.count_nonzero(is_end) * width == len(marks)
        if not (regular and is_end[marks[width - 1 :: width]].all()):
            marks = self._checked(block, marks, is_end, rows)
        elif width == 1:
            marks = self._without_blank(block, marks, rows)
        end = marks.reshape(-1, width)
        start = np.empty_like(end)
        start[:, 1:] = end[:, :-1] + 1
        first = np.r_[0, np.flatnonzero(is_end)[:-1] + 1]
        start[:, 0] = first if len(first) == len(start) else first[np.searchsorted(first, end[:, 0], "right") - 1]
        if (lines == _RETURN).any():
            end = self._without_returns(block, lines, end, rows)
        if not lines.all():
            place = int(np.argmin(lines))
            row = int(np.searchsorted(end[:, -1], place))
            raise self.error(self.line(rows + row), "has a NUL byte; is the file UTF-16? Then set encoding: utf-16")
        return Block(block, start, end)

    def _checked(self, block, marks, is_end, rows):
        """The marks of a block where they do not alternate: of its lines, without the empty ones."""
        ends = np.flatnonzero(is_end)
        starts = np.r_[0, ends[:-1] + 1]
        blank = _is_blank(block, starts, ends)
        first = rows + len(self._blank)
        width = len(self.columns)
        line_of_mark = np.searchsorted(ends, marks)
        cells = np.bincount(line_of_mark, minlength=len(ends))
        wrong = np.flatnonzero((cells != width) & ~blank)
        if len(wrong):
            line = wrong[0]
            has_quote = (block[starts[line] : ends[line]] == ord('"')).any()
            raise self.error(
                2 + first + int(line),
                f"has {cells[line]} cells, and the header {width}. A cell may be empty, but its separator "
                f"({self.separator!r}) must be there, and nowhere else{_QUOTES if has_quote else ''}",
            )
        self._blank += [2 + first + int(line) for line in np.flatnonzero(blank)]
        return marks[~blank[line_of_mark]]

    def _without_blank(self, block, ends, rows):
        starts = np.r_[0, ends[:-1] + 1]
        blank = _is_blank(block, starts, ends)
        first = 2 + rows + len(self._blank)
        self._blank += [first + int(line) for line in np.flatnonzero(blank)]
        return ends[~blank]

    def _without_returns(self, block, lines, end, rows):
        """The cells' ends where lines end with a carriage return and a line feed."""
        returns = np.flatnonzero(lines == _RETURN)
        inside = returns[block[returns + 1] != _NEWLINE]
        if len(inside):
            row = int(np.searchsorted(end[:, -1], inside[0]))
            raise self.error(
                self.line(rows + row), "has a carriage return within; a line ends with \\n or \\r\\n, and nowhere else"
            )
        end = end.copy()
        end[:, -1] -= block[end[:, -1] - 1] == _RETURN
        return end

    # --- Errors -------------------------------------------------------------------------------------------------

    def line(self, row: int) -> int:
        """Number of a row's line in the file; the header's is 1. Known for the rows of the blocks that were read."""
        line = row + 2
        for blank in self._blank:
            if blank > line:
                break
            line += 1
        return line

    def error(self, line: int, what: str) -> ConfigError:
        """The error that says what is wrong with a line."""
        return ConfigError(f"{self.path}, line {line}: {what}")

    def not_encoded(self, line: int) -> ConfigError:
        """The error for a line that is not text in the encoding."""
        return ConfigError(
            f"encoding: {self.path}, line {line} is not valid {self.encoding}; set encoding to the one that the file "
            "was written in (latin-1, cp1252, utf-16, …), or save the file in UTF-8"
        )


def _after_line(text, begin):
    """Place after the line that begins there."""
    step = 1 << 12
    while begin < len(text):
        ends = np.flatnonzero(text[begin : begin + step] == _NEWLINE)
        if len(ends):
            return begin + int(ends[0]) + 1
        begin += step
    return len(text)


def _end_of_lines(text, begin):
    """Place after the last line that ends within a block; one line at least."""
    stop = begin + _BLOCK
    if stop >= len(text):
        return len(text)
    step = 1 << 12
    for low in range(stop - step, begin - step, -step):
        ends = np.flatnonzero(text[max(low, begin) : low + step] == _NEWLINE)
        if len(ends):
            return max(low, begin) + int(ends[-1]) + 1
    return _after_line(text, stop)


def _is_blank(block, starts, ends):
    length = ends - starts
    return (length == 0) | ((length == 1) & (block[starts] == _RETURN))
