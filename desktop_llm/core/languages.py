"""The languages that the program names: to translate into, and to say what a text is in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NamedLanguage:
    code: str  # ISO 639-1, with the script or region where it matters
    english: str
    chinese: str
    own: str  # as its speakers write it; where few systems have the letters, the English name


LANGUAGES = (
    NamedLanguage("en", "English", "英语", "English"),
    NamedLanguage("zh", "Simplified Chinese", "简体中文", "简体中文"),
    NamedLanguage("zh-Hant", "Traditional Chinese", "繁体中文", "繁體中文"),
    NamedLanguage("ja", "Japanese", "日语", "日本語"),
    NamedLanguage("ko", "Korean", "韩语", "한국어"),
    NamedLanguage("de", "German", "德语", "Deutsch"),
    NamedLanguage("fr", "French", "法语", "français"),
    NamedLanguage("es", "Spanish", "西班牙语", "español"),
    NamedLanguage("it", "Italian", "意大利语", "italiano"),
    NamedLanguage("pt", "Portuguese", "葡萄牙语", "português"),
    NamedLanguage("nl", "Dutch", "荷兰语", "Nederlands"),
    NamedLanguage("pl", "Polish", "波兰语", "polski"),
    NamedLanguage("cs", "Czech", "捷克语", "čeština"),
    NamedLanguage("sv", "Swedish", "瑞典语", "svenska"),
    NamedLanguage("ru", "Russian", "俄语", "русский"),
    NamedLanguage("uk", "Ukrainian", "乌克兰语", "українська"),
    NamedLanguage("tr", "Turkish", "土耳其语", "Türkçe"),
    NamedLanguage("ar", "Arabic", "阿拉伯语", "العربية"),
    NamedLanguage("hi", "Hindi", "印地语", "Hindi"),
    NamedLanguage("th", "Thai", "泰语", "ไทย"),
    NamedLanguage("vi", "Vietnamese", "越南语", "Tiếng Việt"),
    NamedLanguage("id", "Indonesian", "印度尼西亚语", "Bahasa Indonesia"),
)
_BY_CODE = {language.code: language for language in LANGUAGES}


def language_of(code: str) -> NamedLanguage | None:
    return _BY_CODE.get(code)


def find_language(text: str) -> NamedLanguage | None:
    """By code or by any of its names, whatever the case."""
    wanted = text.strip().casefold()
    for language in LANGUAGES:
        names = (language.code, language.english, language.chinese, language.own)
        if wanted in (name.casefold() for name in names):
            return language
    return None


def is_mostly_chinese(text: str) -> bool:
    """By the share of Han characters among the letters of its beginning, without kana."""
    han = kana = others = 0
    for sign in text[:4000]:
        if "\u3400" <= sign <= "\u9fff":
            han += 1
        elif "\u3040" <= sign <= "\u30ff":
            kana += 1
        elif sign.isalpha():
            others += 1
    # A Latin word has some five letters where Chinese has one or two characters.
    return han > 0 and kana * 10 < han and han * 3 >= others
