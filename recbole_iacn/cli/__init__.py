"""The command ``recbole-iacn``."""

from recbole_iacn.cli.commands import main

__all__ = ["main"]
