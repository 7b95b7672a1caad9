"""What RecBole 1.2.1 needs on today's stack, by what breaks: ``extras``, ``arrays``, ``pytorch``; and ``noise``.

One function per break, named ``patch_…``; ``bridge/patches.py`` says in which module of RecBole each acts, and when.
Each looks for the break itself, never for a version number.
"""
