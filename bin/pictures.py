"""Make docs/pictures/portal.png from a running demo: a customer's phone beside the merchant's desk. Run by hand.

    bin/pictures.py CUSTOMER_LINK MERCHANT_LINK [OUTPUT]

Links are the ones `make demo` prints; a Chromium must be installed.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from urllib.parse import urljoin

from PIL import Image, ImageDraw
from playwright.sync_api import Page, sync_playwright

TARGET = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "portal.png"
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
CHROMIUM = "/usr/bin/chromium"
PHONE, DESK = (390, 844), (1240, 844)  # CSS pixels
GAP, FRAME, GROUND = 28, "#b8b4aa", "#e4e1d9"
COLOURS = 96


def main(customer: str, merchant: str, target: Path = TARGET) -> None:
    """Sign in by both links, look at both pages, put them side by side."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        phone = browser.new_context(viewport={"width": PHONE[0], "height": PHONE[1]}, device_scale_factor=1)
        desk = browser.new_context(viewport={"width": DESK[0], "height": DESK[1]}, device_scale_factor=1)
        shots = [
            _look(phone.new_page(), customer, "/invoices?show=to-pay", first=True),
            _look(desk.new_page(), merchant, "/admin"),
        ]
        browser.close()
    width = sum(shot.width for shot in shots) + GAP * (len(shots) + 1)
    sheet = Image.new("RGB", (width, max(shot.height for shot in shots) + 2 * GAP), GROUND)
    draw, left = ImageDraw.Draw(sheet), GAP
    for shot in shots:
        sheet.paste(shot, (left, GAP))
        draw.rectangle((left - 1, GAP - 1, left + shot.width, GAP + shot.height), outline=FRAME)
        left += shot.width + GAP
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
    print(f"{target}: {target.stat().st_size // 1000} KB")


def _look(page: Page, link: str, path: str, *, first: bool = False) -> Image.Image:
    """Sign in and look at a page; `first`: at the first thing its list links to."""
    page.goto(link)
    page.locator("main form button").first.click()
    page.wait_for_load_state("networkidle")
    page.goto(urljoin(link, path))
    if first:
        page.goto(urljoin(link, page.locator("table.list tbody a").first.get_attribute("href") or path))
    page.wait_for_load_state("networkidle")
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(Path, sys.argv[3:4]))
