"""Downloads Amazon's raw files, and resumes interrupted downloads.

All addresses are in one table. The publishers give no checksums: the SHA-256 of a finished download is written beside
the file, and ``prepare`` copies it into its manifest, so that two people can compare.
"""

import contextlib
import hashlib
import http.client
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tqdm import tqdm

from recbole_iacn.errors import ConfigError, did_you_mean
from recbole_iacn.system import json_file
from recbole_iacn.system.atomic_writes import put_in_place, write_text

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
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / url.rpartition("/")[2]
    recorded = path.with_name(path.name + ".sha256")
    if path.exists():
        expected = sha256 or (recorded.read_text().split()[0] if recorded.exists() else None)
        _check(path, _sha256(path), expected, "remove it and download it again")
        return path
    part = path.with_name(path.name + ".part")
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


def _fetch(url: str, part: Path, progress: bool) -> None:
    """Append to ``part`` until it has every byte."""
    version = part.with_name(part.name + ".json")
    known: dict[str, Any] = {"size": 0, "tag": ""}
    if part.exists() and version.exists():
        with contextlib.suppress(ValueError):  # damaged: the download starts anew
            read = json_file.read(version)
            known = read if isinstance(read, dict) and {"size", "tag"} <= set(read) else known
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
            write_text(version, json.dumps({"size": size, "tag": tag}))
            bar = tqdm(
                total=size or None, initial=have, unit="B", unit_scale=True, desc=part.stem, disable=not progress
            )
            with open(part, "ab" if have else "wb") as out, bar:
                while block := answer.read(_BLOCK):
                    out.write(block)
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
