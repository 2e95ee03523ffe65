"""Draws every page of the driver's screen as PNG, in Swedish and English, from sample snapshots.

The app runs headless in its 50x15 grid and its cells are painted at 16x32 pixels, which is what a
7-inch 800x480 panel shows. Usage: `python scripts/render_screens.py [--each] [--out docs/pictures]`.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from PIL import Image, ImageDraw, ImageFont
from rich.segment import Segment
from textual.strip import Strip

from edge.controller.catalogue import CATALOGUE
from edge.controller.faults import FaultCode
from edge.controller.snapshot import (
    ChoiceView,
    EvseView,
    FaultView,
    PriceLine,
    ReceiptView,
    Screen,
    SiteView,
    Snapshot,
)
from edge.ui.driver_app import DriverApp
from edge.ui.screen_model import COLUMNS, ROWS

WIDTH, HEIGHT = 800, 480
CELL_W, CELL_H = WIDTH // COLUMNS, HEIGHT // ROWS
FONT_FOLDERS = ("/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/dejavu-sans-mono-fonts",
                "/usr/share/fonts/TTF", "/Library/Fonts")
LANGUAGES = ("sv", "en")
SHEET = ("available", "tap_card", "charging", "finished", "fault", "help")
NOW = datetime(2026, 5, 4, 12, 32, tzinfo=UTC)

SITE = SiteView(id="SE*FCT*E0001", name="Hamngatan garage", time_zone="Europe/Stockholm",
                languages=LANGUAGES, currency="SEK", phone="+46 10 000 00 00",
                email="help@example.org", virtual=True)
PRICE = (PriceLine(dimension="ENERGY", price_incl_vat="4.90"),
         PriceLine(dimension="PARKING_TIME", price_incl_vat="1.00"))
RECEIPT = ReceiptView(
    transaction_id="01J9Z0AB12CD", began_utc="2026-05-04T10:24:10Z", ended_utc="2026-05-04T12:32:20Z",
    energy_wh=23412, start_wh=4512338, end_wh=4535750, stop_reason="Local", currency="SEK",
    lines=(("ENERGY", "114.72"), ("PARKING_TIME", "3.00"), ("VAT 25", "23.54")),
    total_incl_vat="117.72", total_excl_vat="94.18")


def fault(code: FaultCode, where: str = "1") -> FaultView:
    """A standing fault as the controller would show it."""
    kind = CATALOGUE[code]
    return FaultView(code=code, name=kind.name, severity=kind.severity, where=where, since_utc=None)


def evse(screen: Screen, evse_id: str = "1", **fields: Any) -> EvseView:
    """An EVSE in the state that fits its screen."""
    states = {Screen.AVAILABLE: "Available", Screen.FAULT: "Faulted"}
    values: dict[str, Any] = {"id": evse_id, "label": f"Bay {evse_id}", "price": PRICE,
                                 "state": states.get(screen, "Occupied"), "screen": screen, **fields}
    return EvseView(**values)


def snapshot(*evses: EvseView, faults: tuple[FaultView, ...] = ()) -> Snapshot:
    """A site with these EVSEs."""
    return Snapshot(seq=1, mono_ns=0, utc="2026-05-04T12:32:00Z", clock_ok=True, site=SITE,
                    evses=evses, faults=faults)


LIVE: dict[str, Any] = {"energy_wh": 23412, "power_w": 10938.0, "cost_incl_vat": "114.72",
                        "duration_s": 7690, "token_last4": "4F2A", "offered_a": 16.0}
NOTHING: dict[str, Any] = {"power_w": 0.0, "offered_a": 0.0, "charging_state": "SuspendedEVSE"}


def samples() -> dict[str, tuple[Snapshot, str | None]]:
    """Name -> (snapshot, action to tap first). One for each page."""
    one = {
        "available": evse(Screen.AVAILABLE),
        "plug_in": evse(Screen.PLUG_IN, token_last4="4F2A", message="card_accepted"),
        "tap_card": evse(Screen.TAP_CARD),
        "card_refused": evse(Screen.TAP_CARD, message="card_refused"),
        "card_copy": evse(Screen.TAP_CARD, message="card_copy"),
        "card_offline": evse(Screen.AVAILABLE, message="card_offline"),
        "card_asking": evse(Screen.TAP_CARD, message="card_asking"),
        "card_not_yours": evse(Screen.CHARGING, message="card_not_yours", **LIVE),
        "checking": evse(Screen.CHECKING, token_last4="4F2A"),
        "waiting_for_car": evse(Screen.WAITING_FOR_CAR, token_last4="4F2A", offered_a=16.0),
        "charging": evse(Screen.CHARGING, because="circuit:row-a", **LIVE),
        "paused": evse(Screen.PAUSED, charging_state="SuspendedEV", **LIVE),
        "paused_hot": evse(Screen.PAUSED, because="temperature:cabinet", **(LIVE | NOTHING),
                           faults=(fault(FaultCode.HOT),)),
        "paused_by_site": evse(Screen.PAUSED, because="request", **(LIVE | NOTHING)),
        "hold_off": evse(Screen.PAUSED, **(LIVE | NOTHING), faults=(fault(FaultCode.HAMMERING),)),
        "after_mains": evse(Screen.WAITING_FOR_CAR, token_last4="4F2A", because="stagger"),
        "hot": evse(Screen.CHARGING, because="temperature:cabinet", **LIVE,
                    faults=(fault(FaultCode.HOT),)),
        "replug": evse(Screen.REPLUG, token_last4="4F2A"),
        "car_mode": evse(Screen.TAP_CARD, faults=(fault(FaultCode.CAR_MODE),)),
        "attention": evse(Screen.FAULT, faults=(fault(FaultCode.AUTH_TIMEOUT),)),
        "limit_reached": evse(Screen.FINISHED, token_last4="4F2A",
                              receipt=replace(RECEIPT, stop_reason="EnergyLimitReached")),
        "stopping": evse(Screen.STOPPING, **LIVE),
        "finished": evse(Screen.FINISHED, receipt=RECEIPT, token_last4="4F2A"),
        "estimated": evse(Screen.FINISHED, receipt=replace(RECEIPT, end_estimated=True)),
        "meter_exchanged": evse(Screen.FINISHED, receipt=replace(
            RECEIPT, spans=((4512338, 4530000), (0, 5750)), end_estimated=True)),
        "meter_anew": evse(Screen.FINISHED, receipt=replace(
            RECEIPT, spans=((4512338, 4530000), (0, 3000), (0, 2750)), end_estimated=True)),
        "contradicts": evse(Screen.FAULT, faults=(fault(FaultCode.METER_CONTRADICTS),)),
        "fault": evse(Screen.FAULT, faults=(fault(FaultCode.CONTACTOR_WELDED),)),
        "long_prices": evse(Screen.AVAILABLE, price=(
            *PRICE[:1], PriceLine(dimension="PARKING_TIME", price_incl_vat="0.25", note=">2 h"))),
        "unavailable": evse(Screen.AVAILABLE, state="Unavailable"),
    }
    pages: dict[str, tuple[Snapshot, str | None]] = {
        name: (snapshot(view), None) for name, view in one.items()}
    pages["offline"] = (snapshot(one["available"], faults=(fault(FaultCode.CLOUD_OFFLINE, "cloud"),)),
                        None)
    pages["cards_lost"] = (snapshot(one["available"],
                                    faults=(fault(FaultCode.CARDS_DAMAGED, "cards"),)), None)
    cars = (evse(Screen.TAP_CARD), evse(Screen.TAP_CARD, "2"))
    pages["choose"] = (replace(snapshot(*cars), choices=(ChoiceView(
        id="c1", reader_id="front", evse_ids=("1", "2"), until_mono_ns=0, last4="4F2A"),)), None)
    pages["help"] = (snapshot(one["fault"]), "help")
    pages["overview"] = (snapshot(one["charging"], evse(Screen.AVAILABLE, "2")), "bays")
    pages["bays"] = (snapshot(one["charging"], evse(Screen.AVAILABLE, "2"),
                              evse(Screen.FAULT, "3", faults=(fault(FaultCode.DIODE),)),
                              evse(Screen.FINISHED, "4", receipt=RECEIPT)), "bays")
    return pages


class SampleSource:
    """One snapshot, then silence; `None` stands for a controller that went away."""

    def __init__(self, *snapshots: Snapshot | None) -> None:
        self._snapshots = snapshots

    async def snapshots(self) -> AsyncIterator[Snapshot | None]:
        for one in self._snapshots:
            yield one
        await asyncio.Event().wait()

    async def request(self, action: str, args: Mapping[str, object]) -> bool:  # noqa: ARG002
        return True


def find_font(bold: bool) -> Path | None:
    """DejaVu Sans Mono on this machine, or None."""
    name = "DejaVuSansMono-Bold.ttf" if bold else "DejaVuSansMono.ttf"
    return next((Path(folder) / name for folder in FONT_FOLDERS if (Path(folder) / name).is_file()),
                None)


class Painter:
    """Paints rows of styled cells as the panel would show them."""

    def __init__(self) -> None:
        self._fonts = {bold: self._font(bold) for bold in (False, True)}

    @staticmethod
    def _font(bold: bool) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        path = find_font(bold)
        if path is None:
            print("render_screens: DejaVu Sans Mono is missing; for true pictures:"
                  " apt-get install fonts-dejavu-core", file=sys.stderr)
            return ImageFont.load_default(CELL_H * 0.75)
        size = 6
        while ImageFont.truetype(path, size + 1).getlength("M") <= CELL_W:
            size += 1
        return ImageFont.truetype(path, size)

    def paint(self, strips: list[Strip]) -> Image.Image:
        """One picture of `WIDTH` x `HEIGHT` pixels."""
        image = Image.new("RGB", (WIDTH, HEIGHT))
        draw = ImageDraw.Draw(image)
        for row, strip in enumerate(strips):
            column = 0
            for segment in strip:
                self._segment(draw, segment, column, row)
                column += len(segment.text)
        return image

    def _segment(self, draw: ImageDraw.ImageDraw, segment: Segment, column: int, row: int) -> None:
        style = segment.style
        ink, paper = (255, 255, 255), (0, 0, 0)
        if style is not None and style.color is not None and style.color.triplet is not None:
            ink = style.color.triplet
        if style is not None and style.bgcolor is not None and style.bgcolor.triplet is not None:
            paper = style.bgcolor.triplet
        left, top = column * CELL_W, row * CELL_H
        right = left + len(segment.text) * CELL_W
        draw.rectangle((left, top, right - 1, top + CELL_H - 1), fill=paper)
        for offset, char in enumerate(segment.text):
            self._cell(draw, char, left + offset * CELL_W, top, ink,
                       bold=bool(style is not None and style.bold))

    def _cell(self, draw: ImageDraw.ImageDraw, char: str, x: int, y: int,
              ink: tuple[int, int, int], *, bold: bool) -> None:
        halves = {"█": (0, CELL_H), "▀": (0, CELL_H // 2), "▄": (CELL_H // 2, CELL_H)}
        if char in halves:
            top, bottom = halves[char]
            draw.rectangle((x, y + top, x + CELL_W - 1, y + bottom - 1), fill=ink)
        elif char != " ":
            draw.text((x + CELL_W / 2, y + CELL_H * 0.72), char, font=self._fonts[bold], fill=ink,
                      anchor="ms")


async def draw_page(painter: Painter, app: DriverApp, action: str | None) -> Image.Image:
    """Run `app` without a terminal until its page stands, tap `action`, and paint it."""
    async with app.run_test(size=(COLUMNS, ROWS)) as pilot:
        await pilot.pause(0.1)
        if action is not None:
            app.do(action)
            await pilot.pause(0.1)
        app.refresh_page()
        await pilot.pause()
        # The compositor is Textual's own; its version is pinned and a test draws every page.
        return painter.paint(app.screen._compositor.render_strips())


async def draw_all(language: str) -> dict[str, Image.Image]:
    """Every page in one language."""
    painter, pages = Painter(), {}
    for name, (shown, action) in samples().items():
        app = DriverApp(SampleSource(shown), language=language, monotonic_s=lambda: 0.0,
                        now=lambda: NOW)
        pages[name] = await draw_page(painter, app, action)
    app = DriverApp(SampleSource(samples()["available"][0], None), language=language,
                    monotonic_s=lambda: 0.0, now=lambda: NOW)
    pages["no_contact"] = await draw_page(painter, app, None)
    return pages


def save(image: Image.Image, path: Path) -> None:
    """A PNG of 64 colours: the screens have no more, and the repository stays small."""
    few = image.quantize(64, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    print(f"{path} {path.stat().st_size} bytes")


def sheet(pages: dict[str, dict[str, Image.Image]], names: list[str]) -> Image.Image:
    """The pages of `names`, Swedish left and English right, at half size."""
    gap, width, height = 10, WIDTH // 2, HEIGHT // 2
    image = Image.new("RGB", (2 * width + 3 * gap, len(names) * (height + gap) + gap), "#5a5a5a")
    for row, name in enumerate(names):
        for column, language in enumerate(LANGUAGES):
            small = pages[language][name].resize((width, height), Image.Resampling.LANCZOS)
            image.paste(small, (gap + column * (width + gap), gap + row * (height + gap)))
    return image


def main() -> int:
    """Two sheets, and each page alone if asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"), metavar="DIR")
    parser.add_argument("--each", action="store_true", help="also one file per page and language")
    args = parser.parse_args()
    out: Path = args.out
    out.mkdir(parents=True, exist_ok=True)
    pages = {language: asyncio.run(draw_all(language)) for language in LANGUAGES}
    for language, drawn in pages.items() if args.each else ():
        for name, image in drawn.items():
            save(image, out / f"{name}.{language}.png")
    save(sheet(pages, list(SHEET)), out / "screens.png")
    rest = [name for name in pages[LANGUAGES[0]] if name not in SHEET]
    save(sheet(pages, rest), out / "screens_more.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
