"""What a day of the journal costs a flash card: bytes to the device, with the real journal code.

    python card_wear.py FOLDER [DEVICE]

DEVICE: the block device of FOLDER's file system alone (`loop0`), whose counter is read; else what the
kernel counts for this process. A day: telemetry of three outlets each 10 s, 30 sessions and their rows,
a saved session each minute for 12 hours, 200 events, an acknowledgement each minute. No time passes.
"""

import asyncio
import os
import sys
from pathlib import Path

from edge.controller.effects import Stream
from edge.journal.journal import Journal
from edge.journal.row import Batch, NewRow

DAY_S, TELEMETRY_S, SAVE_S = 86_400, 10, 60
TM_BYTES, TX_BYTES, EV_BYTES, SESSION_BYTES = 1_400, 900, 500, 1_500
SESSIONS, ROWS_PER_SESSION, EVENTS = 30, 8, 200


def written(device: str | None) -> int:
    """Bytes so far."""
    if device is not None:
        os.sync()
        return int(Path(f"/sys/block/{device}/stat").read_text().split()[6]) * 512
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["write_bytes"])


def row(stream: Stream, size: int) -> NewRow:
    return NewRow(stream=stream, type=f"{stream.value}.x.v1", data=os.urandom(size // 2).hex().encode())


async def day(journal: Journal) -> dict[str, int]:
    """Commits of each kind."""
    commits = dict.fromkeys(("telemetry", "billing", "saved session", "event"), 0)
    for second in range(0, DAY_S, TELEMETRY_S):
        what: dict[str, Batch] = {"telemetry": Batch(
            mono_ns=second, rows=(row(Stream.TM, TM_BYTES),))}
        if second % (DAY_S // (SESSIONS * ROWS_PER_SESSION)) < TELEMETRY_S:
            what["billing"] = Batch(mono_ns=second, rows=(row(Stream.TX, TX_BYTES),),
                                    sessions={"1": os.urandom(SESSION_BYTES)})
        elif second % SAVE_S == 0 and second < DAY_S // 2:
            what["saved session"] = Batch(mono_ns=second, sessions={"1": os.urandom(SESSION_BYTES)})
        if second % (DAY_S // EVENTS) < TELEMETRY_S:
            what["event"] = Batch(mono_ns=second, rows=(row(Stream.EV, EV_BYTES),))
        for kind, batch in what.items():
            await journal.append(batch)
            commits[kind] += 1
        if second % SAVE_S == 0:
            head = journal.heads()[Stream.TM]
            await journal.acked(journal.epoch, Stream.TM, head.seq, head.hash)
    return commits


async def main(folder: Path, device: str | None) -> None:
    journal = await Journal.open(folder / "journal.db")
    begin = written(device)
    commits = await day(journal)
    await journal.close()
    total, number = written(device) - begin, sum(commits.values())
    print(f"{number} commits: {commits}")
    print(f"{total / 1e6:.0f} MB a day, {total / number / 1e3:.1f} kB a commit;"
          f" the file: {(folder / 'journal.db').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
