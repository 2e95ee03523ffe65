"""Figures as people read them."""


def span(seconds: float) -> str:
    """A duration in its largest two units."""
    whole = round(seconds)
    for name, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60),
                                      ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {name}" + (f" {rest} {smaller}" if rest else "")
    return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"


def megabytes(count: int) -> str:
    """Bytes, decimal units."""
    if count >= 10_000_000_000:
        return f"{count / 1e9:.0f} GB"
    return f"{count / 1e6:.0f} MB" if count >= 10_000_000 else f"{count / 1e6:.1f} MB"


def many(count: int, thing: str) -> str:
    """"1 pin", "2 pins"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
