"""Personal data out of a bundle: each value becomes a pseudonym, the same everywhere in that bundle.

Pseudonyms are counted in the order in which values are met, so they say nothing outside. First the
mask *learns* from everything that goes in, by the names of fields; then it *masks*: the fields by their
names, and what is long enough to be nothing else (a card's reference, a mail address) wherever it
stands, also inside other texts. Four digits of a card are not: half the numbers would go, too.
"""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

#: By the name of a field, as structs, OCPP and OCPI spell it: which kind of value it holds.
FIELDS: Mapping[str, str] = {
    "ref": "card", "id_token": "card", "idToken": "card", "group_ref": "card", "groupRef": "card",
    "uid": "card", "sealed": "sealed", "contract_id": "contract", "contractId": "contract",
    "phone": "phone", "email": "email", "address": "address", "label": "label", "last4": "digits",
    "token_last4": "digits", "city": "city", "postal_code": "postcode",
    "latitude": "latitude", "longitude": "longitude",
}
#: Kinds that may be numbers. A `uid` that is one is a user's of the computer.
_NUMBERS = frozenset({"latitude", "longitude"})
#: Tables whose `name` names a place; elsewhere it names a component or a fault.
NAMED = frozenset({"site", "cdr_location"})
#: Masked by the name of their field only.
_WEAK = frozenset({"digits", "city", "postcode", "latitude", "longitude", "label"})
_SHORTEST = 5  # of what is looked for inside texts

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"\+\d{1,3}(?:[ ()/-]{0,2}\d){6,14}")
URL_SECRET = re.compile(r"(?<=://)[^/\s@\"']+@")
_REF = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{32}(?![0-9A-Za-z])")
#: A card's number as people and logs write it: 4, 7 or 10 bytes (ISO/IEC 14443-3, 6.5.4).
_UID_BYTES = (4, 7, 10)
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}([ :.-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2})*"
                  r"|(?:[0-9A-Fa-f]{2})+)(?![0-9A-Za-z])")
_LITERAL = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:\s*)?("(?:[^"\\]|\\.)*")?')


class Mask:
    """One bundle's pseudonyms."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._given: set[str] = set()
        self._counts: dict[str, int] = {}
        self._looked_for: list[str] = []
        self._pattern: re.Pattern[str] | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How many values of each kind were met."""
        return dict(sorted(self._counts.items()))

    def value(self, kind: str, text: str) -> str:
        """The pseudonym of a value, which is known from now on."""
        if not text or text in self._given:
            return text
        if text not in self._names:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            name = self._names[text] = f"{kind}-{self._counts[kind]:03d}"
            self._given.add(name)
            if kind not in _WEAK and len(text) >= _SHORTEST:
                self._looked_for.append(text)
                self._pattern = None
        return self._names[text]

    def field(self, name: str, value: Any, of: str) -> str | None:
        """The pseudonym of a field's value; None: it is no field that names anybody."""
        kind = FIELDS.get(name) or ("name" if name == "name" and of in NAMED else None)
        if kind is None or isinstance(value, bool):
            return None
        if isinstance(value, str) or (isinstance(value, int | float) and kind in _NUMBERS):
            return self.value(kind, str(value))
        return None

    def learn(self, found: Any, of: str = "") -> None:
        """From decoded JSON, TOML or our own structs: every field that names somebody."""
        for name, value in _fields(found):
            if self.field(name, value, of) is None:
                self.learn(value, name or of)

    def structure(self, found: Any, of: str = "") -> Any:
        """Decoded JSON or TOML, masked."""
        match found:
            case str():
                return self.inside(found)
            case dict():
                return {self.inside(str(key)): self._entry(str(key), value, of)
                        for key, value in found.items()}
            case list() | tuple():
                return [self.structure(entry, of) for entry in found]
        return found

    def _entry(self, key: str, value: Any, of: str) -> Any:
        masked = self.field(key, value, of)
        return self.structure(value, key) if masked is None else masked

    def inside(self, text: str) -> str:
        """Everything that is looked for, wherever it stands in a text."""
        if self._pattern is None:
            longest_first = sorted(self._looked_for, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        return self._pattern.sub(lambda found: self._names[found[0]], text)

    def literals(self, text: str) -> str:
        """JSON as text, of which nothing but such strings may change, not even a blank."""
        def one(found: re.Match[str]) -> str:
            key, colon, value = found[1], found[2] or "", found[3] or ""
            if colon and value:
                masked = self.field(_plain(key), _plain(value), "")
                if masked is not None:
                    return f"{key}{colon}{_quoted(masked)}"
            return f"{self._literal(key)}{colon}{self._literal(value)}"
        return _LITERAL.sub(one, text)

    def _literal(self, literal: str) -> str:
        plain = _plain(literal) if literal else ""
        masked = self.inside(plain)
        return literal if masked == plain else _quoted(masked)

    def free(self, text: str) -> str:
        """A log or another text that people or libraries write: also what only looks personal."""
        text = URL_SECRET.sub("masked@", self.inside(text))
        for kind, pattern in (("email", _EMAIL), ("phone", _PHONE), ("card", _REF)):
            text = pattern.sub(_named(self, kind), text)
        return _HEX.sub(_without_uid, text)

    def row(self, data: bytes) -> Any:
        """What a row says, masked; a salvaged row holds another one. What is no JSON goes."""
        try:
            found = msgspec.json.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return f"{len(data)} bytes that are no JSON: left out"
        inner, masked = _inner(found), self.structure(found)
        if inner is not None:
            masked["data"] = self.row(inner)
        return masked

    def learn_row(self, data: bytes) -> None:
        """As `learn`, from a row."""
        try:
            found = msgspec.json.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return
        self.learn(found)
        inner = _inner(found)
        if inner is not None:
            self.learn_row(inner)


def _without_uid(found: re.Match[str]) -> str:
    count = len(re.sub("[^0-9A-Fa-f]", "", found[0])) // 2
    return "uid-masked" if count in _UID_BYTES else found[0]


def _named(mask: Mask, kind: str) -> "Callable[[re.Match[str]], str]":
    return lambda found: mask.value(kind, found[0])


def _plain(literal: str) -> str:
    return str(msgspec.json.decode(literal)) if "\\" in literal else literal[1:-1]


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _inner(found: Any) -> bytes | None:
    """The row inside a salvaged one (`records.Salvaged`: base64)."""
    if not isinstance(found, dict) or "prev" not in found or not isinstance(found.get("data"), str):
        return None
    try:
        return base64.b64decode(found["data"], validate=True)
    except ValueError:
        return b""


def _fields(found: Any) -> Iterator[tuple[str, Any]]:
    """(name, value) of an object, ("", entry) of a list; raw JSON is looked into, too."""
    match found:
        case msgspec.Struct():
            for name in found.__struct_fields__:
                yield name, getattr(found, name)
        case msgspec.Raw():
            yield "", msgspec.json.decode(bytes(found))
        case dict():
            for key, value in found.items():
                yield str(key), value
        case list() | tuple():
            for entry in found:
                yield "", entry
