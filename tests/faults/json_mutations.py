"""Damage to lines of JSON, or of Python literals."""

from faults.mutations import (
    ANY,
    Damage,
    blank_lines,
    change_line,
    drop_line,
    drop_separator,
    insert_text,
    mix_lines,
    repeat_line,
)
from faults.odd_values import JSON_VALUES


def strange_value(source, data, separator):
    """The value of some key, up to the next comma or brace, is another."""

    def change(line):
        places = [k for k, byte in enumerate(line) if byte == ord(":")]
        if not places:
            return source.choice(JSON_VALUES).encode()
        at = source.choice(places)
        rest = line[at + 1 :]
        end = min((k for k in (rest.find(b","), rest.rfind(b"}")) if k >= 0), default=len(rest))
        return line[: at + 1] + source.choice(JSON_VALUES).encode() + rest[end:]

    return change_line(source, data, change, header=source.random() < 0.2)


def strange_line(source, data, separator):
    return change_line(source, data, lambda line: source.choice(JSON_VALUES).encode())


def repeat_key(source, data, separator):
    return change_line(source, data, lambda line: line.replace(b"{", line.rstrip(b"}") + b", ", 1))


def other_key(source, data, separator):
    names = (b'"user_id"', b'"x"', b'""', b'"USER_ID"', b"'a'", b"a", b'"\\ud800"', b'"\\u0000"', b"1", b"null")

    def change(line):
        keys = [k for k in range(len(line)) if line[k : k + 1] == b":"]
        begin = line.rfind(b'"', 0, max(line.rfind(b'"', 0, source.choice(keys)), 0)) if keys else -1
        return line if begin < 0 else line[:begin] + source.choice(names) + line[line.find(b":", begin) :]

    return change_line(source, data, change)


def as_array(source, data, separator):
    return b"[" + b",".join(line for line in data.split(b"\n") if line) + source.choice((b"]", b""))


def on_several_lines(source, data, separator):
    return data.replace(b", ", b",\n")


JSON: tuple[Damage, ...] = (
    *ANY,
    *(strange_value, strange_value, strange_value, strange_value, strange_line, repeat_key, other_key, other_key),
    *(as_array, on_several_lines, insert_text, drop_line, repeat_line, mix_lines, blank_lines, drop_separator),
)
