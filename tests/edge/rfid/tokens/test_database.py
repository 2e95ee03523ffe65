"""A file of the card room that several connections of one process, and other processes, have open."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from edge.rfid.tokens import database

_OTHER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("INSERT INTO card VALUES (?)", (int(sys.argv[2]),))
print(*(number for number, in db.execute("SELECT number FROM card ORDER BY number")))
db.close()
"""


def test_a_second_connection_takes_no_lock_from_the_first(tmp_path: Path) -> None:
    """Else the next command believes itself to be the last one, takes the log of writes away at its
    end, and whoever had the file open neither sees what is written nor writes what lasts."""
    path = tmp_path / "cards.db"

    def command(number: int) -> str:
        return subprocess.run([sys.executable, "-S", "-c", _OTHER, str(path), str(number)], check=True,
                              stdout=subprocess.PIPE, text=True, timeout=60).stdout.strip()

    with closing(database.connect(path)) as first:
        first.execute("CREATE TABLE card (number INTEGER)")
        database.connect(path).close()
        assert command(1) == "1"
        first.execute("INSERT INTO card VALUES (2)")
        assert command(3) == "1 2 3"
        assert first.execute("SELECT sum(number) FROM card").fetchone() == (6,)


def test_a_new_file_and_its_log_are_private(tmp_path: Path) -> None:
    with closing(database.connect(tmp_path / "cards.db")) as db:
        db.execute("CREATE TABLE card (number INTEGER)")
        assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
