"""The researchers' own file of vectors, read in place where it lies beside this checkout."""

import json
from pathlib import Path
from typing import Any

import pytest
from house import ROOT

from edge.rfid.proof import aes, diversify, ev1, ev2, originality, sun

FILE = ROOT.parent / "shared" / "data" / "nfc_vectors.json"
H = bytes.fromhex
#: What is in the file and not here. EV1's ChangeKey is never sent; `test_ev1.py` has its numbers.
LEFT_OUT = {"_about", "desfire_ev1_change_key"}


@pytest.fixture(scope="module")
def vectors() -> dict[str, Any]:
    if not FILE.exists():
        pytest.skip("shared/data/nfc_vectors.json does not lie beside this checkout")
    loaded: dict[str, Any] = json.loads(Path(FILE).read_text(encoding="utf-8"))
    return loaded


def _first_auth(v):
    replies = iter([H(v["rsp1"]), H(v["rsp2"])])
    sent = []
    made = ev2.authenticate(lambda a: sent.append(a) or next(replies), v["key_no"], H(v["key"]),
                            lambda _: H(v["rnda"]))
    assert sent == [H(v["cmd1"]), H(v["cmd2"])]
    assert made.wrap(0x51) == ev2.Session(H(v["ses_enc"]), H(v["ses_mac"]), H(v["ti"])).wrap(0x51)


def _session_keys(v):
    made = ev2.session_keys(H(v["key"]), H(v["rnda"]), H(v["rndb"]))
    assert made == (H(v["ses_enc"]), H(v["ses_mac"]))


def _iv(v):
    made = ev2.Session(H(v["key"]), bytes(16), H(v["ti"]), v["ctr"]).wrap(0x8D, data=bytes(15))
    assert made[5:21] == aes.encrypt(H(v["key"]), bytes(15) + b"\x80", H(v["iv"]))


def _mac(v):
    session = ev2.Session(bytes(16), H(v["key"]), H(v["ti"]), v["ctr"])
    made = session.wrap(int(v["code"], 16), H(v["data"]))
    assert made[-9:-1] == H(v["mac"])


def _comm(v):
    full = "enc_key" in v
    made = ev2.Session(H(v.get("enc_key", "00" * 16)), H(v["mac_key"]), H(v["ti"]))
    apdu = made.wrap(int(v["ins"], 16), H(v["header"]), H(v.get("data", "")), full=full)
    assert apdu == H(v["apdu"])
    reply = H(v["rsp"])
    assert made.unwrap(reply[:-2], int.from_bytes(reply[-2:], "big"), full=full) == H(v["rsp_data"])


def _sdm(v):
    """The file's own data (SDMENCFileData) is never read, and not deciphered here."""
    uid, counter = H(v["uid"]), v["ctr"].to_bytes(3, "little")
    if "picc" in v:
        plain = aes.decrypt(H(v["meta_key"]), H(v["picc"]))
        assert plain[:11] == H(v["tag"]) + uid + counter
    assert sun.message_mac(H(v["file_key"]), uid, counter, v["mac_input"].encode()) == H(v["cmac"])


def _an10922(v):
    data = H(v["div_input"])
    if len(data) >= diversify.MIN_INPUT:
        assert diversify.diversified(H(v["master"]), data) == H(v["key"])
        assert aes.subkeys(H(v["master"])) == (H(v["k1"]), H(v["k2"]))
        return
    assert aes.cmac(H(v["master"]), b"\x01" + data) == H(v["wrong_if_plain_cmac"]) != H(v["key"])
    with pytest.raises(ValueError, match="expected 16 to 31"):
        diversify.diversified(H(v["master"]), data)


def _ev1(v):
    replies = iter([H(v["rsp1"]), H(v["rsp2"])])
    sent = []
    assert ev1.authenticate(lambda a: sent.append(a) or next(replies), v["key_no"], H(v["key"]),
                            lambda _: H(v["rnda"])) == H(v["session_key"])
    assert sent[1][5:37] == H(v["token"])


def _nist(v):
    assert aes.cmac(H(v["key"]), H(v["msg"])) == H(v["mac"])


def _originality(v):
    assert originality.genuine_iso_dep(H(v["uid"]), H(v["sig"]), [v["pubkey"]])
    assert not originality.genuine_iso_dep(H(v["bad_uid"]), H(v["sig"]), [v["pubkey"]])


CHECKS = {"ev2_first_auth": _first_auth, "ev2_session_keys": _session_keys, "ev2_iv": _iv,
          "ev2_mac": _mac, "ev2_comm_mac": _comm, "ev2_comm_full": _comm, "sdm": _sdm,
          "an10922_aes128": _an10922, "desfire_ev1_aes": _ev1, "aes_cmac_nist": _nist,
          "ntag424_originality_signature": _originality}


def test_every_vector_of_the_file_holds(vectors):
    assert set(vectors) - LEFT_OUT == set(CHECKS)
    for kind, check in CHECKS.items():
        for vector in vectors[kind]:
            try:
                check(vector)
            except BaseException as error:
                error.add_note(f"{kind}: {vector['id']}")
                raise
