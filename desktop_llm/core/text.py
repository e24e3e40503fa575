"""Text as it enters the program."""

import re

_SURROGATE = re.compile("[\ud800-\udfff]")


def clean_text(text: str) -> str:
    """Text that UTF-8, SQLite and llama.cpp all accept.

    Lone surrogates (half an emoji from a broken clipboard) become U+FFFD and NUL is dropped: C
    strings end at it. Line ends become "\\n".
    """
    if "\x00" in text:
        text = text.replace("\x00", "")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _SURROGATE.sub("\ufffd", text)
