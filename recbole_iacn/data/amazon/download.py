"""Downloads Amazon's raw files, and resumes interrupted downloads.

All addresses are in one table. The publishers give no checksums: the SHA-256 of a finished download is written beside
the file, and ``prepare`` copies it into its manifest, so that two people can compare.
"""

import contextlib
import hashlib
import http.client
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.system import disk, interrupts, leftovers
from recbole_iacn.system.atomic_writes import put_in_place, with_parents, write_text

_2014 = "http://snap.stanford.edu/data/amazon/productGraph/categoryFiles/"
_2018 = "https://mcauleylab.ucsd.edu/public_datasets/data/amazon_v2/"
_2023 = "https://mcauleylab.ucsd.edu/public_datasets/data/amazon_2023/"

# (year, kind) -> address; {} is the category. ``core5`` are the publishers' 5-core subsets.
ADDRESSES = {
    (2014, "core5"): _2014 + "reviews_{}_5.json.gz",
    (2014, "reviews"): _2014 + "reviews_{}.json.gz",
    (2014, "ratings"): _2014 + "ratings_{}.csv",
    (2014, "meta"): _2014 + "meta_{}.json.gz",
    (2018, "core5"): _2018 + "categoryFilesSmall/{}_5.json.gz",
    (2018, "reviews"): _2018 + "categoryFiles/{}.json.gz",
    (2018, "ratings"): _2018 + "categoryFilesSmall/{}.csv",
    (2018, "meta"): _2018 + "metaFiles2/meta_{}.json.gz",
    (2023, "core5"): _2023 + "benchmark/5core/rating_only/{}.csv.gz",
    (2023, "reviews"): _2023 + "raw/review_categories/{}.jsonl.gz",
    (2023, "ratings"): _2023 + "benchmark/0core/rating_only/{}.csv.gz",
    (2023, "meta"): _2023 + "raw/meta_categories/meta_{}.jsonl.gz",
}
KINDS = tuple(dict.fromkeys(kind for _, kind in ADDRESSES))

_NAME_ANOTHER = "name another folder (--out)"
_BLOCK = 1 << 20
_TIMEOUT = 60  # seconds without receiving a byte


def address(year: int, kind: str, category: str) -> str:
    """The address of a file.

    Args:
        year (int): 2014, 2018 or 2023.
        kind (str): ``core5``, ``reviews``, ``ratings`` or ``meta``.
        category (str): as the publishers write it, e.g. ``Electronics``, ``Sports_and_Outdoors``.

    Raises:
        ConfigError: no such year or kind, or the category is not a name.
    """
    if (year, kind) not in ADDRESSES:
        raise ConfigError(f"kind: there is no {kind!r} of {year}.{did_you_mean(kind, KINDS)}")
    if not category.replace("_", "").isalnum():
        raise ConfigError(f"category: {category!r} is not a name such as Sports_and_Outdoors")
    return ADDRESSES[year, kind].format(category)


def download(url: str, folder: str | Path, sha256: str | None = None, progress: bool = True) -> Path:
    """Download one file; a call after an interruption resumes it.

    An incomplete file is kept as ``<file>.part``, with the server's version of it in ``<file>.part.json``: if that has
    changed in the meantime, the download starts again. A file that already exists is checked and kept.

    Args:
        url (str): its address.
        folder (str or pathlib.Path): where the file is written, under its own name.
        sha256 (str, optional): the required checksum; by default the one recorded at the first download.
        progress (bool): show a bar with the rate and the time left.

    Returns:
        pathlib.Path: the file. Its checksum is written beside it, to ``<file>.sha256``.

    Raises:
        ConfigError: no connection, no such file, fewer bytes than announced (those received are kept), wrong checksum.
    """
    path = Path(folder) / url.rpartition("/")[2]
    part = path.with_name(path.name + ".part")
    recorded = path.with_name(path.name + ".sha256")
    if os.path.lexists(path):
        disk.check_file(path, "remove it and download it again")
        _check(path, _sha256(path), sha256 or _recorded(recorded), "remove it and download it again")
        _forget(part)  # a download that was killed after its last byte
        leftovers.sweep(path.parent)
        return path
    disk.check(path, _NAME_ANOTHER)
    with disk.writing(path, _NAME_ANOTHER), with_parents(path):
        with interrupts.saying(lambda: _left(part)):
            _fetch(url, part, progress)
        digest = _sha256(part)
        try:
            _check(part, digest, sha256, "it was removed, download it again")
        except ConfigError:
            _forget(part)
            raise
        write_text(recorded, f"{digest}  {path.name}\n")
        put_in_place(part, path)
        _forget(part)
    return path


def _recorded(path: Path) -> str | None:
    """The checksum of an earlier download; None where there is none."""
    if not path.exists():
        return None
    disk.check_file(path)
    digest = (path.read_bytes().decode(errors="replace").split() or [""])[0]
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise ConfigError(f"{path}: is damaged, it holds no SHA-256; remove it and {path.stem}, and download again")
    return digest


def _received(part: Path, version: Path) -> dict[str, Any]:
    """What an earlier download has recorded of the file that it began; nothing where that is damaged."""
    nothing = {"size": 0, "tag": ""}
    if not (part.is_file() and version.is_file()):
        return nothing
    try:
        known = json.loads(version.read_text(encoding="utf-8"))
    except ValueError:
        return nothing
    whole = isinstance(known, dict) and type(known.get("size")) is int and isinstance(known.get("tag"), str)
    return known if whole else nothing


def _fetch(url: str, part: Path, progress: bool) -> None:
    """Append to ``part`` until it has every byte."""
    version = part.with_name(part.name + ".json")
    known = _received(part, version)
    have = part.stat().st_size if known["tag"] else 0
    if have and have == known["size"]:
        return
    request = urllib.request.Request(url, headers={"User-Agent": "recbole_iacn", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", known["tag"])
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            if answer.status != 206:  # the whole file, from its first byte
                have = 0
            size = have + int(answer.headers.get("Content-Length") or 0)
            tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
            with _kept(part, have):
                if not have:
                    part.unlink(missing_ok=True)  # of another version, which must not meet the new one's tag
                write_text(version, json.dumps({"size": size, "tag": tag}))
            bar = tqdm(
                total=size or None,
                initial=have,
                unit="B",
                unit_scale=True,
                desc=part.stem,
                disable=None if progress else True,
            )
            with bar, _appending(part, have) as write:
                while block := answer.read(_BLOCK):
                    write(block)
                    bar.update(len(block))
    except urllib.error.HTTPError as error:
        raise ConfigError(
            f"{url}: the server reports {error.code} {error.reason}; is that the category's name?"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        came = part.stat().st_size if part.exists() else 0
        problem = getattr(error, "reason", None) or error
        raise ConfigError(f"{url}: {problem}; {came:,} bytes are kept, the same command resumes from there") from None
    came = part.stat().st_size
    if size and came != size:
        raise ConfigError(f"{url}: received {came:,} of {size:,} bytes; the same command resumes from there")


@contextlib.contextmanager
def _appending(part: Path, have: int) -> Iterator[Callable[[bytes], Any]]:
    """A function that appends to a file; what the disk refuses is not taken for the server's fault."""
    came = have
    with _kept(part, came):
        out = open(part, "ab" if have else "wb", buffering=0)  # noqa: SIM115  (closed below)

    def write(block: bytes) -> None:
        nonlocal came
        rest = memoryview(block)
        while rest:
            with _kept(part, came):
                count = out.write(rest)
            came, rest = came + count, rest[count:]

    with contextlib.closing(out):
        yield write


def _kept(part, count):
    kept = f"{count:,} bytes are kept, and the same command resumes when there is room; or name another folder (--out)"
    return disk.writing(part, kept)


def _left(part: Path) -> str:
    """What an interruption leaves."""
    came = part.stat().st_size if part.exists() else 0
    return f"{came:,} bytes are kept in {part}, the same command resumes from there" if came else ""


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as source:
        while block := source.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _check(path: Path, digest: str, expected: str | None, fix: str) -> None:
    if expected and digest != expected.lower():
        raise ConfigError(f"{path}: SHA-256 is {digest}, but should be {expected}; {fix}")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    part.with_name(part.name + ".json").unlink(missing_ok=True)
