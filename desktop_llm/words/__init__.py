"""Words on screen, for every face: one gettext catalogue a language.

`_` marks and translates; call it when the text is shown, never at import, so that the language
can change while the program runs.
"""

import gettext
import locale
import os

from desktop_llm.core.settings import Language
from desktop_llm.resources import resource

_DOMAIN = "desktop_llm"
_current: gettext.NullTranslations = gettext.NullTranslations()
_language = Language.ENGLISH


def _(text: str) -> str:
    return _current.gettext(text)


def noted(text: str) -> str:
    """Marks a text for the catalogue where it is declared; `_` translates it when it is shown."""
    return text


def counted(one: str, many: str, number: int) -> str:
    """The form for `number`, which is also put in for `{number}`, with its thousands."""
    return _current.ngettext(one, many, number).format(number=f"{number:,}")


def use_language(language: Language) -> Language:
    """Take a language from now on; SYSTEM becomes the one of the system. Returns it."""
    global _current, _language
    if language is Language.SYSTEM:
        language = system_language()
    if language is Language.ENGLISH:
        _current = gettext.NullTranslations()
    else:
        _current = gettext.translation(_DOMAIN, resource("i18n"), [language.value])
    _language = language
    return language


def current_language() -> Language:
    """English or Chinese; never SYSTEM."""
    return _language


def system_language() -> Language:
    names = [os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
    name = next((name for name in names if name), "") or locale.getlocale()[0] or ""
    return Language.CHINESE if name.lower().startswith(("zh", "chinese")) else Language.ENGLISH
