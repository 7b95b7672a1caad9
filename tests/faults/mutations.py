"""Damage to a file of rows, drawn from a seed: what disks, editors, exports and strangers do to files."""

import gzip
import random
from collections.abc import Callable, Sequence

from faults.odd_values import CELLS

Damage = Callable[[random.Random, bytes, bytes], bytes]


def damaged(data: bytes, seed: str, separator: bytes, pool: Sequence[Damage]) -> tuple[bytes, str]:
    """Damage a file's content once or a few times.

    Args:
        data: the content; it may have lines, the first of which may be a header.
        seed: decides what is done, and where.
        separator: of the cells of a line.
        pool: what may be done.

    Returns:
        The content, and what was done, in words.
    """
    source = random.Random(seed)
    done = source.choices(pool, k=source.choice((1, 1, 1, 2, 3)))
    for damage in done:
        data = damage(source, data, separator)
    return data, ", ".join(damage.__name__ for damage in done)


def _lines(data):
    return data.split(b"\n")


def _place(source, data):
    return source.randrange(len(data) + 1)


def change_line(source, data, change, header=False):
    lines = _lines(data)
    rows = [k for k, line in enumerate(lines) if line and (k > 0 or header)] or [0]
    at = 0 if header else source.choice(rows)
    lines[at] = change(lines[at])
    return b"\n".join(lines)


def _change_cell(source, data, separator, value, header=False):
    def change(line):
        cells = line.split(separator)
        cells[source.randrange(len(cells))] = value
        return separator.join(cells)

    return change_line(source, data, change, header)


# --- Any file -------------------------------------------------------------------------------------------------------


def truncate(source, data, separator):
    return data[: _place(source, data)]


def empty(source, data, separator):
    return source.choice((b"", b"\n", b" ", b"\r\n\r\n", b"\0", b"\xef\xbb\xbf"))


def flip_bits(source, data, separator):
    content = bytearray(data or b"x")
    for _ in range(source.choice((1, 1, 5, 50))):
        content[source.randrange(len(content))] ^= 1 << source.randrange(8)
    return bytes(content)


def insert_bytes(source, data, separator):
    at = _place(source, data)
    return data[:at] + source.randbytes(source.choice((1, 4, 64))) + data[at:]


def cut_out(source, data, separator):
    begin, end = sorted((_place(source, data), _place(source, data)))
    return data[:begin] + data[end:]


def repeat_part(source, data, separator):
    begin, end = sorted((_place(source, data), _place(source, data)))
    return data[:end] + data[begin:]


def insert_nul(source, data, separator):
    at = _place(source, data)
    return data[:at] + b"\0" * source.choice((1, 1, 9, 4096)) + data[at:]


def byte_order_mark(source, data, separator):
    return source.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf\xef\xbb\xbf")) + data


def other_encoding(source, data, separator):
    text = data.decode("utf-8", "replace") + source.choice(("", "é", "日本"))
    return text.encode(source.choice(("utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "shift-jis")), "replace")


def invalid_utf8(source, data, separator):
    at = _place(source, data)
    return data[:at] + source.choice((b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xe9 caf\xe9")) + data[at:]


def other_line_ends(source, data, separator):
    return data.replace(b"\n", source.choice((b"\r\n", b"\r", b"\n\r", b"\n\n", b"\r\r\n")))


def no_last_line_end(source, data, separator):
    return data.rstrip(b"\n")


def pack(source, data, separator):
    packed = gzip.compress(data, mtime=0)
    at = source.randrange(len(packed))
    return source.choice(
        (packed, packed[:at], packed + b"x" * 9, packed + packed, packed[:at] + b"?" + packed[at + 1 :])
    )


def pack_much(source, data, separator):
    return gzip.compress(data + source.choice((b"a", b"\n", b"0", b" ", b"[")) * 20_000_000, 1, mtime=0)


def long_line(source, data, separator):
    return change_line(source, data, lambda line: line + source.choice((b"a", b" a", separator)) * 500_000)


ANY: tuple[Damage, ...] = (
    *(truncate, empty, flip_bits, insert_bytes, cut_out, repeat_part, insert_nul, byte_order_mark, other_encoding),
    *(invalid_utf8, other_line_ends, no_last_line_end, pack, pack_much, long_line),
)
BINARY: tuple[Damage, ...] = (truncate, empty, flip_bits, insert_bytes, cut_out, repeat_part, insert_nul, pack)


# --- Rows of cells --------------------------------------------------------------------------------------------------


def strange_cell(source, data, separator):
    return _change_cell(source, data, separator, source.choice(CELLS).encode())


def strange_cells(source, data, separator):
    for _ in range(10):
        data = strange_cell(source, data, separator)
    return data


def strange_column(source, data, separator):
    lines, value = _lines(data), source.choice(CELLS).encode()
    width = len(lines[0].split(separator))
    column = source.randrange(width)
    for k, line in enumerate(lines):
        cells = line.split(separator)
        if k and len(cells) == width:
            cells[column] = value
            lines[k] = separator.join(cells)
    return b"\n".join(lines)


def insert_text(source, data, separator):
    at = _place(source, data)
    return data[:at] + source.choice(CELLS).encode() + data[at:]


def drop_separator(source, data, separator):
    return change_line(source, data, lambda line: line.replace(separator, b"", 1))


def double_separator(source, data, separator):
    return change_line(source, data, lambda line: line.replace(separator, separator * 2, 1))


def other_separator(source, data, separator):
    return data.replace(separator, source.choice((b",", b";", b"\t", b" ", b"|", b"  ", b"\x1f")))


def drop_line(source, data, separator):
    lines = _lines(data)
    del lines[source.randrange(len(lines))]
    return b"\n".join(lines)


def repeat_line(source, data, separator):
    lines = _lines(data)
    line = source.choice(lines)
    return b"\n".join([*lines[:-1], *[line] * source.choice((1, 2, 1000)), lines[-1]])


def mix_lines(source, data, separator):
    lines = _lines(data)
    source.shuffle(lines)
    return b"\n".join(lines)


def blank_lines(source, data, separator):
    lines = _lines(data)
    for _ in range(source.choice((1, 5))):
        lines.insert(source.randrange(len(lines) + 1), source.choice((b"", b" ", b"\t", b"\r", b"#", separator)))
    return b"\n".join(lines)


def only_header(source, data, separator):
    return _lines(data)[0] + source.choice((b"", b"\n", b"\n\n"))


def no_header(source, data, separator):
    return data.partition(b"\n")[2]


def strange_header(source, data, separator):
    names = (
        "",
        " ",
        "item_id",
        "user_id:token",
        ":",
        "a:b:c",
        "x:float",
        "item_id:token",
        "timestamp:token",
        "é:token",
    )
    return _change_cell(source, data, separator, source.choice((*names, *CELLS)).encode(), header=True)


def mix_columns(source, data, separator):
    def change(line):
        cells = line.split(separator)
        source.shuffle(cells)
        return separator.join(cells)

    return change_line(source, data, change, header=True)


def repeat_column(source, data, separator):
    return b"\n".join(line + separator + line.split(separator)[0] if line else line for line in _lines(data))


def other_types(source, data, separator):
    head, end, rest = data.partition(b"\n")
    kinds = (b":token", b":float", b":token_seq", b":float_seq", b":int", b":", b"")
    kind = source.choice(kinds[:4])
    return head.replace(kind, source.choice(kinds), source.choice((1, 9))) + end + rest


def many_columns(source, data, separator):
    number = source.choice((1_000, 100_000))
    more = separator + separator.join(b"x%d:token" % k for k in range(number))
    head, end, rest = data.partition(b"\n")
    return head + more + end + rest


def quote(source, data, separator):
    return change_line(source, data, lambda line: b'"' + line.replace(separator, b'"' + separator + b'"') + b'"')


def many_lists(source, data, separator):
    return _change_cell(source, data, separator, b" ".join(b"x%d" % k for k in range(20_000)))


ROWS: tuple[Damage, ...] = (
    *ANY,
    *(strange_cell, strange_cell, strange_cell, strange_cell, strange_cells, strange_column, strange_column),
    *(insert_text, drop_separator, double_separator, other_separator, drop_line, repeat_line, mix_lines, blank_lines),
    *(only_header, no_header, strange_header, strange_header, mix_columns, repeat_column, other_types, many_columns),
    *(quote, many_lists),
)
