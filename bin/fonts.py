"""Make documents/fonts/ from Debian's fonts-noto-core and fonts-dejavu-core. Run by hand, with fonttools installed.

Kept are Latin, Greek, Cyrillic, Arabic, Hebrew, and from DejaVu Armenian, Georgian and the symbols item texts use.
"""

from __future__ import annotations

from pathlib import Path

from fontTools import subset  # type: ignore[import-not-found]
from fontTools.pens.ttGlyphPen import TTGlyphPen  # type: ignore[import-not-found]
from fontTools.ttLib import TTFont  # type: ignore[import-not-found]

SOURCE = Path("/usr/share/fonts/truetype")
TARGET = Path(__file__).resolve().parent.parent / "documents" / "fonts"
EUROPE = (
    "U+0020-058F,U+1AB0-1AFF,U+1D00-1FFF,U+2000-206F,U+2070-209F,U+20A0-20CF,U+2100-218F,U+2190-22FF,"
    "U+25CC,U+2C60-2C7F,U+2DE0-2E5F,U+A640-A69F,U+A720-A7FF,U+FB00-FB06,U+FE20-FE2F,U+FFFD"
)
EVERYTHING = "*"
SYMBOLS = (
    "U+0020,U+0530-058F,U+10A0-10FF,U+1C90-1CBF,U+2010-2027,U+2030-205E,U+2070-209F,U+20A0-20CF,"
    "U+2100-23FF,U+2460-24FF,U+2500-27BF,U+27C0-27FF,U+2900-2AFF,U+FFFD"
)
FEATURES = [
    "ccmp",
    "locl",
    "mark",
    "mkmk",
    "kern",
    "tnum",
    "lnum",
    "rlig",
    "liga",
    "init",
    "medi",
    "fina",
    "isol",
    "calt",
    "rtlm",
]
WANTED = (
    ("noto/NotoSans-Regular.ttf", EUROPE),
    ("noto/NotoSans-Bold.ttf", EUROPE),
    ("noto/NotoSerif-Bold.ttf", EUROPE),
    ("noto/NotoSansArabic-Regular.ttf", EVERYTHING),
    ("noto/NotoSansArabic-Bold.ttf", EVERYTHING),
    ("noto/NotoSansHebrew-Regular.ttf", EVERYTHING),
    ("noto/NotoSansHebrew-Bold.ttf", EVERYTHING),
    ("dejavu/DejaVuSans.ttf", SYMBOLS),
)


def main() -> None:
    """Write every font anew."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, characters in WANTED:
        target = TARGET / Path(name).name
        subset.main([
            str(SOURCE / name), f"--unicodes={characters}", f"--layout-features={','.join(FEATURES)}",
            "--no-hinting", "--notdef-outline", "--name-IDs=*", "--no-recalc-timestamp", f"--output-file={target}",
        ])  # fmt: skip
        if characters == EUROPE:
            _add_minus(target)
        if target.name.startswith("DejaVu"):
            _rename(target, "Tillhouse Symbols")
            target = target.rename(TARGET / "TillhouseSymbols.ttf")
        print(f"{target.stat().st_size:>9}  {target.name}")


def _add_minus(path: Path) -> None:
    """Noto's Latin fonts of 2020 have no minus sign (U+2212): draw the bar of their plus sign, as wide as a figure."""
    font = TTFont(path)
    names = font.getBestCmap()
    if 0x2212 not in names:
        plus = font["glyf"][names[ord("+")]]
        heights = sorted({y for _, y in plus.coordinates})
        pen = TTGlyphPen(None)
        for i, corner in enumerate(
            [(plus.xMin, heights[1]), (plus.xMin, heights[2]), (plus.xMax, heights[2]), (plus.xMax, heights[1])]
        ):
            (pen.lineTo if i else pen.moveTo)(corner)
        pen.closePath()
        font.setGlyphOrder([*font.getGlyphOrder(), "minus"])
        font["glyf"]["minus"] = pen.glyph()
        font["hmtx"]["minus"] = font["hmtx"][names[ord("+")]]
        if "GDEF" in font and font["GDEF"].table.GlyphClassDef:
            font["GDEF"].table.GlyphClassDef.classDefs["minus"] = 1
        for table in font["cmap"].tables:
            if table.isUnicode():
                table.cmap[0x2212] = "minus"
        font.save(path)


def _rename(path: Path, family: str) -> None:
    """A name of its own, or a machine's complete DejaVu Sans would be mistaken for it."""
    font = TTFont(path)
    for name_id, text in ((1, family), (3, family), (4, family), (6, family.replace(" ", "")), (16, family)):
        for record in font["name"].names:
            if record.nameID == name_id:
                record.string = text
    font.save(path)


if __name__ == "__main__":
    main()
