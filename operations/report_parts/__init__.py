"""The parts of an ownership report: each reads one kind of facts about a month and says them as plain JSON.

What they say depends on the rows alone: no clock, no order of rows, no sum that a database makes of floating numbers, and
every number rounded to stated places, so that the same rows give the same bytes on SQLite and PostgreSQL.
"""
