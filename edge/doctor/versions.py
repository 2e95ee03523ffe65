"""What runs here: software, libraries, system, kernel, model of the computer. No name of anybody."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

from edge.journal.glance import SQLITE

_MODELS = ("sys/firmware/devicetree/base/model", "sys/class/dmi/id/product_name")


def versions(root: Path = Path("/")) -> dict[str, object]:
    """By name. The host's name is left out."""
    return {
        "forecourt": _own(), "python": sys.version.split()[0], "sqlite": SQLITE,
        "system": _system(root), "kernel": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(), "computer": _model(root),
        "packages": dict(sorted((d.metadata["Name"], d.version) for d in distributions())),
    }


def _own() -> str:
    try:
        return version("forecourt")
    except PackageNotFoundError:
        return "not installed"


def _system(root: Path) -> str:
    for line in _read(root / "etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip('"')
    return "unknown"


def _model(root: Path) -> str:
    return next((found for name in _MODELS if (found := _read(root / name).strip("\0\n "))), "unknown")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
