"""What the cloud reads out of a row's data: the few members that its tables have columns for. Pure."""

from typing import Annotated

import msgspec

from edge.controller.struct import Value

TX_EVENT = "tx.event.v1"
TX_CDR = "tx.cdr.v1"
EV_GAP = "ev.gap.v1"
SALVAGED = {"tx": "tx.salvaged.v1", "ev": "ev.salvaged.v1", "tm": "tm.salvaged.v1"}

_Seq = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]  # of a column
_Count = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class _Lenient(Value, forbid_unknown_fields=False, rename="camel"):
    """Other members are allowed: the rest stays in the raw bytes."""


class _CustomData(_Lenient):
    evse_id: str = ""


class _Evse(_Lenient):
    custom_data: _CustomData = _CustomData()


class _TransactionInfo(_Lenient):
    transaction_id: str
    stopped_reason: str | None = None


class TransactionEvent(_Lenient):
    """OCPP 2.0.1 TransactionEventRequest."""

    event_type: str  # Started | Updated | Ended
    transaction_info: _TransactionInfo
    timestamp: str | None = None
    evse: _Evse = _Evse()

    @property
    def evse_id(self) -> str:
        """Our own name of the EVSE."""
        return self.evse.custom_data.evse_id


class _Price(Value, forbid_unknown_fields=False):
    excl_vat: msgspec.Raw
    incl_vat: msgspec.Raw = msgspec.Raw(b"null")  # msgspec does not decode `Raw | None`


class Cdr(Value, forbid_unknown_fields=False):
    """OCPI 2.2.1 CDR. Numbers stay the decimal texts that were written."""

    id: str
    currency: str
    total_energy: msgspec.Raw
    total_cost: _Price
    session_id: str | None = None

    @property
    def transaction_id(self) -> str:
        """The session's id, which is the transaction's; without one, the CDR's own."""
        return self.session_id or self.id


class Gap(_Lenient):
    """Rows of a stream that the site no longer has, or (without numbers) never wrote."""

    stream: str
    rows: Annotated[int, msgspec.Meta(ge=1)]
    because: str = ""
    first_seq: _Seq | None = None
    last_seq: _Seq | None = None
    hash: _Hash | None = None  # of the row `last_seq`


class Salvaged(_Lenient):
    """A row of an earlier epoch, told again. `data`: its exact bytes."""

    epoch: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]
    seq: _Seq
    type: str
    utc: str | None
    boot: _Count
    mono_ns: _Count
    clock_ok: bool
    prev: _Hash
    hash: _Hash
    data: bytes


def read_transaction_event(data: bytes) -> TransactionEvent:
    """Raises msgspec.MsgspecError."""
    return msgspec.json.decode(data, type=TransactionEvent)


def read_cdr(data: bytes) -> Cdr:
    """Raises msgspec.MsgspecError."""
    return msgspec.json.decode(data, type=Cdr)


def read_gap(data: bytes) -> Gap:
    """Raises msgspec.MsgspecError."""
    return msgspec.json.decode(data, type=Gap)


def read_salvaged(data: bytes) -> Salvaged:
    """Raises msgspec.MsgspecError."""
    return msgspec.json.decode(data, type=Salvaged)
