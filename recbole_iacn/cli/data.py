"""The commands ``recbole-iacn download`` and ``recbole-iacn prepare``, which make atomic files."""

from argparse import ArgumentParser

from recbole_iacn.errors import ConfigError


def download_parser(parser: ArgumentParser) -> None:
    """Add the arguments of ``recbole-iacn download``."""
    parser.set_defaults(run=_download)
    parser.add_argument("source", choices=["amazon"])
    parser.add_argument("--year", type=int, required=True, choices=[2014, 2018, 2023], help="year of the dump")
    parser.add_argument(
        "--category", required=True, help="category in the publishers' spelling: Electronics, Sports_and_Outdoors …"
    )
    parser.add_argument(
        "--kinds",
        nargs="+",
        default=["core5", "meta"],
        metavar="KIND",
        help="core5 (the 5-core reviews; for 2023: ratings), reviews (all), ratings (no text), meta (items); "
        "default: core5 meta",
    )
    parser.add_argument("--out", default="raw", help="folder for the files (default: %(default)s)")
    parser.add_argument("--sha256", help="expected checksum, if one file is downloaded")


def _download(given):
    from recbole_iacn.data.amazon.download import address, download

    if given.sha256 and len(given.kinds) > 1:
        raise ConfigError("sha256: is the checksum of one file; give one of --kinds")
    for url in [address(given.year, kind, given.category) for kind in given.kinds]:
        print(download(url, given.out, given.sha256))


def prepare_parser(parser: ArgumentParser) -> None:
    """Say, where ``recbole-iacn prepare`` is without a command, that it needs one."""
    parser.set_defaults(run=_no_command)


def _no_command(given):
    raise ConfigError("prepare: give a command (table, amazon, sequences or rows); see recbole-iacn prepare --help")
