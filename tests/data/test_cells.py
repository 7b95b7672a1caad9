"""The cells of an atomic file are what stands between its separators."""

import pytest

from recbole_iacn.data import cells
from recbole_iacn.data.cells import AtomicFile
from recbole_iacn.errors import ConfigError

HEAD = "user_id:token\titem_id:token\trating:float\n"


@pytest.fixture
def written(tmp_path):
    def write(text, encoding=None, separator="\t"):
        path = tmp_path / "shop.inter"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return AtomicFile(path, encoding, separator)

    return write


def table(file):
    """Every cell as text, by lines."""
    rows = []
    for block in file.blocks():
        raw = block.text.tobytes()
        rows += [
            [raw[first:last].decode() for first, last in zip(*row)]
            for row in zip(block.start.tolist(), block.end.tolist())
        ]
    return rows


@pytest.fixture(params=[1, 40, 1 << 24])
def blocks(request, monkeypatch):
    """Blocks of a line, of a few lines, and of the whole file."""
    monkeypatch.setattr(cells, "_BLOCK", request.param)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False], ids=["ended", "open"])
def test_cells_are_the_text_between_separators(written, blocks, ending, last):
    rows = [['"a', "b c", ""], ["", '""', "1"], [" x", "NA", "2 "], ["é日本", "'", "3"], ["", "", ""]] * 7
    text = ending.join([HEAD.strip(), *("\t".join(row) for row in rows)]) + ending * last
    assert table(written(text)) == rows
    assert table(written("\ufeff" + text)) == rows


def test_lines_without_a_character_are_left_out_and_counted(written, blocks):
    file = written(HEAD + "a\tb\t1\n\n\r\nc\td\t2\ne\tf\t3\n\ng\th\t4\n\n\n")
    assert table(file) == [["a", "b", "1"], ["c", "d", "2"], ["e", "f", "3"], ["g", "h", "4"]]
    assert [file.line(row) for row in range(4)] == [2, 5, 6, 8]


def test_a_single_column(written, blocks):
    file = written("a:token\nx\n\ny z\n")
    assert table(file) == [["x"], ["y z"]] and file.line(1) == 4


@pytest.mark.parametrize(
    ("encoding", "codec"), [("latin-1", "latin-1"), ("utf-16", "utf-16"), ("utf-8-sig", "utf-8-sig")]
)
def test_other_encodings(written, blocks, encoding, codec):
    assert table(written((HEAD + "é\tß\t1\n").encode(codec), encoding)) == [["é", "ß", "1"]]


@pytest.mark.parametrize("separator", ["::", "|", ",", "¦"])
def test_other_separators_are_taken_literally(written, blocks, separator):
    text = (HEAD + "a.b\tc:d\t1\n").replace("\t", separator)
    assert table(written(text, separator=separator)) == [["a.b", "c:d", "1"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a\tb\t1\na\tb\nc\td\t2\t3\n",
            "line 3: has 2 cells, and the header 3. A cell may be empty, but its separator",
        ),
        ("a\tb\t1\n\nc\td\t2\t3\ne\tf\n", "line 4: has 4 cells, and the header 3"),
        ("a\tb\t1\n" + "a\tb\n" + "c\td\t2\t3\n", "line 3: has 2 cells"),  # as many separators as there should be
        ('a\t"b\tc"\t1\n', "line 2: has 4 cells, .*; a quotation mark is a character here"),
        ("a\tb\t1\na\tb\r\t1\n", "line 3: has a carriage return within"),
        ("a\tb\t1\na\tb\0\t1\n", "line 3: has a NUL byte; is the file UTF-16"),
    ],
)
def test_a_wrong_line_is_named(written, blocks, text, message):
    with pytest.raises(ConfigError, match=rf"shop\.inter, {message}"):
        table(written(HEAD + text))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("user_id\titem_id:token", "line 1: 'user_id' is not 'field:type' with type token"),
        ("user_id:tokens\titem_id:token", "line 1: 'user_id:tokens' is not 'field:type'"),
        (":token", "line 1: ':token' is not 'field:type'"),
        ("", "line 1: '' is not 'field:type'"),
        ('"user_id:token"\t"item_id:token"', "line 1: .*; a quotation mark is a character here"),
        ("user_id:token\tuser_id:float", "line 1: two columns are called 'user_id'; rename one of them"),
        ("user_id:token\titem_id:token\ru\ti", "line 1: lines end with a carriage return alone"),
    ],
)
def test_a_wrong_header_is_named(written, head, message):
    with pytest.raises(ConfigError, match=rf"shop\.inter, {message}"):
        written(head + "\n")


def test_text_in_another_encoding_is_named(written):
    with pytest.raises(ConfigError, match=r"shop\.inter looks like UTF-16; set encoding: utf-16"):
        written(HEAD.encode("utf-16"))
    with pytest.raises(ConfigError, match=r"encoding: .*shop\.inter, line 1 is not valid utf-8; set encoding to"):
        written("é:token\n".encode("latin-1"))
    file = written((HEAD + "a\tb\t1\né\tb\t1\n").encode("latin-1"), "ascii")
    with pytest.raises(ConfigError, match=r"encoding: .*shop\.inter, line 3 is not valid ascii"):
        table(file)
