"""What kind of machine a browser says it runs on, for who looks through their sign-ins. It proves nothing."""

from __future__ import annotations

# In this order: an Android browser also says Linux, an iPhone's also says Mac.
MARKS = (
    ("iPhone", "iphone"),
    ("iPad", "ipad"),
    ("Android", "android"),
    ("CrOS", "chromebook"),
    ("Windows", "windows"),
    ("Macintosh", "mac"),
    ("Linux", "linux"),
)
# In this order: nearly every browser also says Safari, and most of them Chrome.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)


def browser(agent: str) -> str:
    """The name of a browser, by its User-Agent header; empty where it is none we know."""
    return next((name for mark, name in BROWSERS if mark in agent), "")


def kind(agent: str) -> str:
    """iphone, ipad, android, chromebook, windows, mac or linux of a User-Agent header; empty where it does not say."""
    return next((code for mark, code in MARKS if mark in agent), "")
