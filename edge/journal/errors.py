"""What the journal says when it cannot."""


class JournalError(Exception):
    """A row was not committed, or a question could not be answered. The message says why."""


class JournalFull(JournalError):
    """The disk has no room. Nothing was written; it may be tried again when there is some."""


class NotTried(JournalError):
    """The batch never reached the file: something before it failed, or too much waits."""


class BadBatch(JournalError):
    """This batch can never be written (a number beyond 64 bits, text that is no UTF-8)."""


class JournalDamaged(JournalError):
    """The file is there and is no whole journal. Nothing was changed in it."""


class JournalTooNew(JournalError):
    """A later version of this software wrote the file. It is whole, and not ours to write."""


class JournalAside(JournalError):
    """It was damaged and is set aside; what it held is still to go into a new one (`mend.py`)."""


class JournalInUse(JournalError):
    """Another process has this journal open. Its file belongs to one controller."""
