"""Sizes, speeds and times in words."""

from desktop_llm.words import _, counted

MINUTE, HOUR, DAY = 60, 3600, 86400


def size_words(size: float) -> str:
    """Bytes, in units of 1000."""
    if size >= 1e9:
        return f"{size / 1e9:,.1f} GB"
    if size >= 1e6:
        return f"{size / 1e6:,.0f} MB"
    return f"{size / 1e3:,.0f} kB" if size >= 1e3 else f"{size:.0f} B"


def rate_words(bytes_per_second: float) -> str:
    if bytes_per_second >= 1e6:
        return _("{number} MB/s").format(number=f"{bytes_per_second / 1e6:,.1f}")
    return _("{number} kB/s").format(number=f"{bytes_per_second / 1e3:,.0f}")


def left_words(seconds: float) -> str:
    """How long it will take, roughly."""
    if seconds < MINUTE:
        return _("under a minute left")
    if seconds < HOUR:
        return counted("{number} minute left", "{number} minutes left", round(seconds / MINUTE))
    if seconds < 2 * DAY:
        return counted("{number} hour left", "{number} hours left", round(seconds / HOUR))
    return counted("{number} day left", "{number} days left", round(seconds / DAY))


def about_words(seconds: float) -> str:
    """How long something takes, roughly."""
    if seconds < MINUTE:
        return _("less than a minute")
    if seconds < HOUR:
        return counted("about {number} minute", "about {number} minutes", round(seconds / MINUTE))
    if seconds < 2 * DAY:
        return counted("about {number} hour", "about {number} hours", round(seconds / HOUR))
    return counted("about {number} day", "about {number} days", round(seconds / DAY))
