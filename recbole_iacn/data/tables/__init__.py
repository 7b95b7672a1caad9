"""Tables of events, items and users, as a database or a shop has them, become atomic files.

``inputs`` opens a file or a data frame, ``roles`` finds the columns of users, items and times, ``time_column`` and
``features`` find out what the cells are, ``cells`` writes them so that atomic files can hold them, ``loading`` keeps
events and writes the files, ``conversion`` is all of it, step by step, and ``convert`` its door.
"""
