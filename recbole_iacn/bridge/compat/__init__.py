"""Shims that RecBole 1.2.1 needs on today's stack, by what breaks: ``extras``, ``arrays``, ``pytorch``; and ``noise``.

There is one function per break, named ``patch_…``; ``bridge/patches.py`` states in which module of RecBole each acts,
and when. Each detects the break itself and never compares version numbers.
"""
