"""What the cloud reads out of a row's data: the few members that its tables have columns for. Pure."""

import msgspec

from edge.controller.struct import Value

TX_EVENT = "tx.event.v1"
TX_CDR = "tx.cdr.v1"


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


def read_transaction_event(data: bytes) -> TransactionEvent:
    """Raises msgspec.MsgspecError."""
    return msgspec.json.decode(data, type=TransactionEvent)


def read_cdr(data: bytes) -> Cdr:
    """Raises msgspec.MsgspecError."""
    return msgspec.json.decode(data, type=Cdr)
