"""Downloads against a server on the loopback address: resumed, checked, rejected."""

import hashlib
import http.client
import http.server
import threading

import pytest

from recbole_iacn.data.amazon.download import ADDRESSES, address, download
from recbole_iacn.errors import ConfigError

CONTENT = bytes(range(256)) * 12_000


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT at /file.gz; after ``stop_after`` bytes the connection breaks; records each requested Range."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.tag, self.stop_after, self.ranges, self.knows_ranges = CONTENT, '"one"', None, [], True


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server, asked = self.server, self.headers.get("Range")
        server.ranges.append(asked)
        if self.path != "/data/file.gz":
            self.send_error(404)
            return
        begin = 0
        if asked and server.knows_ranges and self.headers.get("If-Range") == server.tag:
            begin = int(asked.removeprefix("bytes=").removesuffix("-"))
        body = server.content[begin:]
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", server.tag)
        self.end_headers()
        self.wfile.write(body[: server.stop_after])
        if server.stop_after is not None:
            self.close_connection = True

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        running.url = f"http://127.0.0.1:{running.server_address[1]}/data/file.gz"
        yield running
        running.shutdown()
        thread.join()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_downloaded_with_its_checksum_and_kept(server, tmp_path):
    path = download(server.url, tmp_path, progress=False)
    assert path.read_bytes() == CONTENT and names(tmp_path) == ["file.gz", "file.gz.sha256"]
    assert (tmp_path / "file.gz.sha256").read_text() == f"{hashlib.sha256(CONTENT).hexdigest()}  file.gz\n"
    assert download(server.url, tmp_path, progress=False) == path and server.ranges == [None]


def test_an_interrupted_download_resumes_where_it_stopped(server, tmp_path):
    server.stop_after = 1_000_000
    for _ in range(2):
        with pytest.raises(ConfigError, match="the same command resumes from there"):
            download(server.url, tmp_path, progress=False)
        assert names(tmp_path) == ["file.gz.part", "file.gz.part.json"]
    server.stop_after = None
    assert download(server.url, tmp_path, progress=False).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=1000000-", "bytes=2000000-"]
    assert names(tmp_path) == ["file.gz", "file.gz.sha256"]


@pytest.mark.parametrize("change", [{"tag": '"two"', "content": CONTENT[::-1]}, {"knows_ranges": False}])
def test_a_file_that_changed_or_cannot_be_resumed_starts_again(server, tmp_path, change):
    server.stop_after = 1_000_000
    with pytest.raises(ConfigError):
        download(server.url, tmp_path, progress=False)
    server.stop_after = None
    vars(server).update(change)
    assert download(server.url, tmp_path, progress=False).read_bytes() == server.content


def test_a_complete_part_is_only_renamed(server, tmp_path):
    (tmp_path / "file.gz.part").write_bytes(CONTENT)
    (tmp_path / "file.gz.part.json").write_text(f'{{"size": {len(CONTENT)}, "tag": "x"}}')
    assert download(server.url, tmp_path, progress=False).read_bytes() == CONTENT and server.ranges == []


def test_a_kill_after_the_last_byte_is_completed(server, tmp_path):
    download(server.url, tmp_path, progress=False)
    (tmp_path / "file.gz.part.json").write_text("{}")
    download(server.url, tmp_path, progress=False)
    assert names(tmp_path) == ["file.gz", "file.gz.sha256"]


def test_a_kill_before_the_first_byte_of_another_version_does_not_mix_both(server, tmp_path, monkeypatch):
    server.stop_after = 1_000_000
    with pytest.raises(ConfigError):
        download(server.url, tmp_path, progress=False)
    server.tag, server.content, server.stop_after = '"two"', CONTENT[::-1], None

    def killed(path, text):
        path.write_text(text)
        raise SystemExit

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr("recbole_iacn.data.amazon.download.write_text", killed)
        download(server.url, tmp_path, progress=False)
    assert download(server.url, tmp_path, progress=False).read_bytes() == server.content


def test_an_interruption_says_what_is_kept(server, tmp_path, monkeypatch, capsys):
    from recbole_iacn.system import interrupts

    server.stop_after = 1_000_000
    monkeypatch.setattr(http.client.HTTPResponse, "read", interrupted_after(500_000))
    with pytest.raises(SystemExit) as ended, interrupts.ending_with_a_line():
        download(server.url, tmp_path, progress=False)
    assert ended.value.code == 130
    part = tmp_path / "file.gz.part"
    assert capsys.readouterr().err == (
        f"interrupted; 500,000 bytes are kept in {part}, the same command resumes from there\n"
    )
    assert part.read_bytes() == CONTENT[:500_000]


def interrupted_after(count):
    """HTTPResponse.read, which is interrupted after one block of so many bytes."""
    read, blocks = http.client.HTTPResponse.read, iter([count])

    def interrupted(answer, size):
        for block in blocks:
            return read(answer, block)
        raise KeyboardInterrupt

    return interrupted


def test_a_wrong_checksum_is_an_error(server, tmp_path):
    with pytest.raises(
        ConfigError, match=r"SHA-256 is [0-9a-f]{64}, but should be 00; it was removed, download it again"
    ):
        download(server.url, tmp_path, sha256="00", progress=False)
    assert names(tmp_path) == []
    path = download(server.url, tmp_path, sha256=hashlib.sha256(CONTENT).hexdigest().upper(), progress=False)
    path.write_bytes(b"changed")
    with pytest.raises(ConfigError, match="remove it and download it again"):
        download(server.url, tmp_path, progress=False)


def test_missing_files_and_servers(server, tmp_path):
    with pytest.raises(ConfigError, match=r"the server reports 404 .* is that the category's name"):
        download(server.url.replace("file", "flie"), tmp_path, progress=False)
    with pytest.raises(ConfigError, match="refused"):
        download("http://127.0.0.1:9/file.gz", tmp_path, progress=False)
    assert names(tmp_path) == []


def test_every_address_names_the_category_once_and_others_are_rejected():
    for year, kind in ADDRESSES:
        assert address(year, kind, "Home_and_Kitchen").count("Home_and_Kitchen") == 1
    with pytest.raises(ConfigError, match=r"kind: there is no 'rating' of 2014\. Did you mean 'ratings'"):
        address(2014, "rating", "Books")
    with pytest.raises(ConfigError, match=r"category: '\.\./Books' is not a name"):
        address(2014, "meta", "../Books")


def test_a_damaged_record_is_named_or_begun_again(server, tmp_path):
    path = download(server.url, tmp_path, progress=False)
    (tmp_path / "file.gz.sha256").write_text("")
    with pytest.raises(ConfigError, match=r"file.gz.sha256: is damaged, it holds no SHA-256; remove it and file.gz"):
        download(server.url, tmp_path, progress=False)
    path.unlink()
    for record in ("", "[]", '{"size": "x", "tag": 1}', "\0\0"):
        path.with_name("file.gz.part").write_bytes(b"something else")
        path.with_name("file.gz.part.json").write_text(record)
        download(server.url, tmp_path, progress=False)
        assert path.read_bytes() == CONTENT
        path.unlink()


def test_what_is_not_a_file_is_not_taken_for_the_download(server, tmp_path):
    (tmp_path / "file.gz").mkdir()
    with pytest.raises(ConfigError, match=r"file.gz: is a folder, not a file; remove it and download it again"):
        download(server.url, tmp_path, progress=False)


def test_a_full_disk_is_not_the_servers_fault(server, tmp_path):
    from faults.small_disks import in_child, limit_files

    def full():
        limit_files(100_000)
        with pytest.raises(ConfigError) as error:
            download(server.url, tmp_path / "raw", progress=False)
        return str(error.value)

    line, _ = in_child(full)
    part = tmp_path / "raw" / "file.gz.part"
    assert line.startswith(f"{part}: cannot be written (File too large); 100,000 bytes are kept, and the same command")
    assert part.stat().st_size == 100_000
    assert download(server.url, tmp_path / "raw", progress=False).read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=100000-"
