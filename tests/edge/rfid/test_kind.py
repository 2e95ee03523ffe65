from edge.rfid.kind import Kind, kind_of

CASES = (
    # SAK, ATQA (low byte first), ATS, made-up number, kind; bytes as in NXP AN10833 and on cards
    (0x08, "0400", "", False, Kind.CLASSIC), (0x18, "0200", "", False, Kind.CLASSIC),
    (0x88, "0400", "", False, Kind.CLASSIC), (0x00, "4400", "", False, Kind.TYPE2),
    (0x20, "4403", "067777710280", False, Kind.NTAG424),
    (0x20, "0403", "067777710280", True, Kind.NTAG424),  # with a made-up number
    (0x20, "4403", "067577810280", False, Kind.DESFIRE),
    (0x20, "0403", "067577810280", True, Kind.DESFIRE),
    (0x20, "4403", "0280", False, Kind.ISO_DEP), (0x20, "4403", "0180", False, Kind.ISO_DEP),
    (0x20, "4403", "", False, Kind.ISO_DEP), (0x20, "0400", "0578807002", False, Kind.ISO_DEP),
    (0x20, "0400", "0578807002", True, Kind.PHONE), (0x60, "0400", "0578807002", True, Kind.PHONE),
    (0x40, "0400", "", True, Kind.PHONE), (0x28, "0400", "0578807002", False, Kind.ISO_DEP),
    (0x07, "0400", "", False, Kind.UNKNOWN), (0x20, "", "", False, Kind.ISO_DEP),
    (0x20, "4403", "028033", False, Kind.ISO_DEP), (0x20, "4403", "03008033", False, Kind.ISO_DEP),
)


def test_the_kind_is_what_shows_without_asking():
    for sak, atqa, ats, random, kind in CASES:
        found = kind_of(sak, bytes.fromhex(atqa), bytes.fromhex(ats), random=random)
        assert found is kind, (sak, atqa, ats, random)


def test_no_short_answer_to_select_is_read_past_its_end():
    """One whose only historical byte is that of NXP, with none of TA, TB and TC."""
    assert kind_of(0x20, b"\x44\x03", bytes.fromhex("030080")) is Kind.DESFIRE
