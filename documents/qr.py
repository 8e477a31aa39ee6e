"""Pictures of a text for a camera: QR codes (ISO/IEC 18004)."""

from __future__ import annotations

import segno

QUIET = 4  # modules of margin, as the standard asks for


def address(text: str) -> str:
    """The picture as a data: address for an image: black on white in either colour scheme, no style and no script."""
    made = segno.make(text, error="m", micro=False)
    return made.svg_data_uri(scale=4, border=QUIET, dark="#000", light="#fff")
