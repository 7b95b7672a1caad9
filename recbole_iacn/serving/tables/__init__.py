"""Recommendations and scores for whole tables: CSV or Parquet in, CSV or Parquet out, in little memory.

``event_base`` sorts events by user and time in a database on disk, ``history_files`` holds them as flat arrays, which
batches are gathered from, ``output_files`` writes the result as a whole or not at all, and ``recommend_table`` and
``score_table`` are the two doors, behind the commands ``recbole-iacn recommend`` and ``recbole-iacn score``.
"""
