"""Faults on purpose: kills, full disks, strangers' files, malformed input, again and again with other seeds.

Each ``@case`` (``faults/cases.py``) is one fault. ``make faults`` repeats all of them, and with ``FAULTS=--write`` puts
the table into docs/reliability.md; ``tests/test_faults.py`` tries each once.
"""
