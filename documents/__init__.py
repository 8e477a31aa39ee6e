"""Print room: PDFs made by Typst from frozen records, and the fonts they need. Never queries."""
