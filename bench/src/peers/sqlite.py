"""Claims in SQLite, one transaction each: prints claims, seconds and seconds of processor time.

Arguments: the file, dates, places of each, seconds.
"""

import random
import sqlite3
import sys
import time

file, dates, places, seconds = sys.argv[1], *map(int, sys.argv[2:5])
database = sqlite3.connect(file, isolation_level=None)
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = FULL")
database.execute("CREATE TABLE place (id INTEGER PRIMARY KEY, date INTEGER NOT NULL, person INTEGER)")
database.execute("BEGIN")
database.executemany(
    "INSERT INTO place (date) VALUES (?)", ((n % dates,) for n in range(dates * places))
)
database.execute("CREATE INDEX free ON place (date, id) WHERE person IS NULL")
database.execute("COMMIT")
database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

CLAIM = (
    "UPDATE place SET person = ? WHERE id = "
    "(SELECT id FROM place WHERE date = ? AND person IS NULL ORDER BY id LIMIT 1)"
)
claims, started, used = 0, time.monotonic(), time.process_time()
while time.monotonic() - started < seconds:
    claims += database.execute(CLAIM, (claims + 1, random.randrange(dates))).rowcount
print(claims, time.monotonic() - started, time.process_time() - used)
