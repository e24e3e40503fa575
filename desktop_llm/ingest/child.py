"""Reads one document, in a process that can be killed.

Its bytes come through stdin; the arguments are its suffix and how many characters are wanted. No
file, no network, little memory.
One JSON object goes out: the text with what is known of it, or `fault`, a `FaultCode`.
"""

import codecs
import contextlib
import csv
import encodings
import io
import json
import pkgutil
import re
import sys
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

from desktop_llm.core.confinement import (
    die_with_parent,
    drop_privileges,
    leave_network,
    limit,
    refuse_files_and_network,
)
from desktop_llm.core.documents import FILE_BYTES, PAGES, TEXT_CHARACTERS, DocumentKind
from desktop_llm.core.errors import FaultCode
from desktop_llm.core.text import clean_text

MEMORY_LIMIT = 1024 * 1024 * 1024  # bytes of address space
ENTRIES = 10_000  # of a zip archive
UNPACKED_BYTES = 200_000_000  # of all of them
UNPACKED_RATIO = 200  # of one that unpacks to more than a megabyte
SAMPLE = 256 * 1024  # bytes that tell an encoding
CONTROLS = 0.05  # of the characters of a text at most

PACK = 65_536  # bytes that are unpacked at a time
GARBLED = 20  # sound characters of UTF-8 to one that is not, or it is none
SURE = 0.25  # less sense of the letters beyond ASCII, and charset-normalizer is asked

IMAGES = (
    b"\x89PNG", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*", b"\x00\x00\x01\x00",
    b"8BPS",
)  # fmt: skip
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".heic")
_BITMAP = re.compile(rb"BM.{4}\0{4}", re.DOTALL)
_IMAGE_BOX = re.compile(rb"RIFF.{4}WEBP|.{4}ftyp(?:hei|hev|mif1|msf1|avi[fs])", re.DOTALL)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # what Office wrote once, and wraps locked files in
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as that of UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(
    rb"""<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*["']?\s*([\w-]{2,30})""",
    re.IGNORECASE,
)
# What pages call themselves and what they then use; nothing else is believed.
_MEANT = {
    "gb2312": "gb18030", "gbk": "gb18030", "gb18030": "gb18030", "big5": "big5hkscs",
    "big5-hkscs": "big5hkscs", "shift_jis": "cp932", "euc-jp": "euc_jp", "euc-kr": "cp949",
    "iso-8859-1": "cp1252", "windows-1252": "cp1252", "windows-1251": "cp1251", "koi8-r": "koi8_r",
    "iso-8859-2": "iso8859_2", "windows-1250": "cp1250", "iso-8859-15": "iso8859_15",
}  # fmt: skip
# The frequent letters of a language in an encoding that has no mark of its own. The first of two
# that make as much sense is taken.
_CHINESE = (
    "的一是不了在人有我他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生自会那后能对着事其"
    "里所去行过家十用发天如然作方成者多日都三小军二无同么经法当起与好看学进种将还分此心前面又定见只主没公从"
    "本部内外第条名字号文合水高长四五六七八九百千万元请谢很气点世界问题些因由应开关系新市区省路书体电"
    "這為來個們說國時後對著裡過發無麼經當學進種將還見沒從內條號長萬請謝氣點問題應開關係區書體電爲貳號"
    "，。、；：？！“”‘’（）《》「」『』　"
)
_KANA = "".join(map(chr, (*range(0x3041, 0x3094), *range(0x30A1, 0x30FD)))) + "、。「」"
_FREQUENT = {
    name: frozenset(letters)
    for name, letters in {
        "gb18030": _CHINESE,
        "big5": _CHINESE,
        "big5hkscs": _CHINESE,
        "cp932": _KANA,
        "euc_jp": _KANA,
        "cp949": "이다는에의을를가은고하지로기도한사리그시어자인서나아대해정보수일과있것으들니습",
        "cp1252": "éèàçùâêîôûëïüöäßñíóúáøåæÉÀÜÖÄ’‘“”–—…€£°«»\xa0¿¡",
        "cp1251": "оеаинтсрвлкмдпуяыьгзбчй",
        "koi8_r": "оеаинтсрвлкмдпуяыьгзбчй",
    }.items()
}
_IS_HTML = re.compile(rb"\s*(?:<!--.{0,2000}?-->\s*)?<(?:!doctype html|html)\b", re.I | re.S)
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_LINK = re.compile(r"(?:data|javascript|vbscript|file):", re.IGNORECASE)
_INVISIBLE = re.compile(r"[\x00-\x20\x7f]")  # browsers look for the scheme without them
_EMPTY_LINES = re.compile(r"\n{3,}")
_HEADING = re.compile(r"Heading ([1-9])$")
_HIGH = re.compile(rb"[\x80-\xff]")
# Documents with macros and templates are documents; of what is in them, only text is read.
_MAIN_TYPE = re.compile(
    rb"application/vnd\.(?:ms-word|openxmlformats-officedocument\.wordprocessingml)"
    rb"\.(?:document\.macroEnabled|template|template\.macroEnabledTemplate)\.main\+xml"
)
_WORD_PART = re.compile(r"word/document\d*\.xml$")
_BOOK_PART = re.compile(r"xl/workbook\d*\.xml$")
_DOCUMENT_TYPE = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"


def _block(name: str, leads: range) -> frozenset[str]:
    """The letters whose first byte is one of these."""
    pairs = (bytes((lead, trail)) for lead in leads for trail in range(0x40, 0xFF))
    return frozenset(pair.decode(name, "ignore") for pair in pairs)


# Each of these encodings has the letters that are in use first, those that are rare after them.
_COMMON = _FREQUENT | {
    "gb18030": _FREQUENT["gb18030"] | _block("gb2312", range(0xB0, 0xD8)),
    "big5": _FREQUENT["big5"] | _block("big5", range(0xA4, 0xC7)),
    "big5hkscs": _FREQUENT["big5"] | _block("big5", range(0xA4, 0xC7)),
    "cp932": _FREQUENT["cp932"] | _block("cp932", range(0x88, 0x98)),
    "euc_jp": _FREQUENT["euc_jp"] | _block("euc_jp", range(0xB0, 0xD0)),
    "cp949": _FREQUENT["cp949"] | _block("euc_kr", range(0xB0, 0xC9)),
}
_MIXED = re.compile("[A-Za-z][\u0400-\u04ff]|[\u0400-\u04ff][A-Za-z]")  # é in a word, misread


class RefusedError(Exception):
    """`code`: why."""

    def __init__(self, code: FaultCode, reason: str = "") -> None:
        super().__init__(code.value)
        self.code, self.reason = code, reason


PARSERS = {  # what reads a kind; imported before the process gives up its files
    "pdf": ("pypdf",),
    "docx": ("docx",),
    "xlsx": ("openpyxl",),
    "html": ("bs4", "markdownify", "charset_normalizer"),
    "text": ("charset_normalizer",),
}


def parser_of(content: bytes, suffix: str) -> str:
    """A key of PARSERS: by what is in the file first, by its name second."""
    pdf_inside = suffix == ".pdf" and b"%PDF-" in content[:1024]  # after a mail's head, often
    if pdf_inside or content[:64].removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"%PDF-"):
        return "pdf"
    if content.startswith(b"PK\x03\x04"):
        return "xlsx" if suffix in (".xlsx", ".xlsm") else "docx"
    if suffix in (".html", ".htm", ".xhtml") or _IS_HTML.match(content[:4096]):
        return "html"
    return "text"


def read(content: bytes, suffix: str, most: int = TEXT_CHARACTERS) -> dict[str, Any]:
    """`kind`, `text`, `encoding`, `pages`, `left_out`. Raises RefusedError and whatever a parser
    raises. `most`: characters that are taken of a text or a table.
    """
    parser = parser_of(content, suffix)
    if parser == "pdf":
        return _pdf(content)
    if parser == "docx":
        return _docx(content)
    if parser == "xlsx":
        return _xlsx(content, most)
    if content.startswith(OLE):
        locked = "EncryptedPackage".encode("utf-16-le") in content
        raise RefusedError(FaultCode.DOCUMENT_LOCKED if locked else FaultCode.DOCUMENT_NOT_TEXT)
    if content.startswith(IMAGES) or _BITMAP.match(content) or _IMAGE_BOX.match(content):
        raise RefusedError(FaultCode.DOCUMENT_IS_IMAGE)
    try:
        return _html(content) if parser == "html" else _plain(content, suffix, most)
    except RefusedError as refused:
        if refused.code is FaultCode.DOCUMENT_NOT_TEXT and suffix in IMAGE_SUFFIXES:
            raise RefusedError(FaultCode.DOCUMENT_IS_IMAGE) from refused
        raise


def _html(content: bytes) -> dict[str, Any]:
    text, encoding = decoded(content, _declared(content))
    return _found(DocumentKind.HTML, [html_text(text)], encoding)


def _plain(content: bytes, suffix: str, most: int) -> dict[str, Any]:
    enough = 4 * most + 64  # bytes, which are more characters than are taken
    text, encoding = decoded(content[:enough], whole=len(content) <= enough)
    kind = DocumentKind.TABLE if suffix in (".csv", ".tsv") else DocumentKind.TEXT
    return _found(kind, [text], encoding, most=most)


def _found(
    kind: DocumentKind,
    parts: Iterable[str],
    encoding: str = "",
    pages: int | None = None,
    left_out: bool = False,
    most: int = TEXT_CHARACTERS,
) -> dict[str, Any]:
    """As much of the parts as is taken."""
    taken: list[str] = []
    room = most
    for part in parts:
        if len(part) > room:
            taken.append(part[:room])
            left_out = True
            break
        taken.append(part)
        room -= len(part)
    text = clean_text("".join(taken))
    if not text.strip():
        raise RefusedError(FaultCode.DOCUMENT_WITHOUT_TEXT)
    return {
        "kind": kind.value,
        "text": text,
        "encoding": encoding,
        "pages": pages,
        "left_out": left_out,
    }


# --- text -----------------------------------------------------------------------------------------


def decoded(content: bytes, declared: str = "", whole: bool = True) -> tuple[str, str]:
    """Text and its encoding. `declared`: what the document says of that; `whole`: it does not end
    in the middle of a letter.
    """
    for mark, name in BOMS:
        if content.startswith(mark):
            return _text(_decode(content, name, whole)), name
    if b"\0" in content:
        raise RefusedError(FaultCode.DOCUMENT_NOT_TEXT)
    text = _decode(content, "utf-8", whole)
    wrong = text.count("\ufffd")
    sound = wrong == 0 or content.count(b"\xef\xbf\xbd") == wrong
    # A few broken letters, as where a log was cut, are no other encoding.
    if sound or wrong * GARBLED < sum(letter > "\x7f" for letter in text[:SAMPLE]):
        return _text(text), "utf-8"
    name = declared
    if not name or "\ufffd" in _decode(content, name, whole):
        name = _guessed(content) or declared
    if not name:
        raise RefusedError(FaultCode.DOCUMENT_NOT_TEXT)
    return _text(_decode(content, name, whole)), name


def _decode(content: bytes, name: str, whole: bool) -> str:
    return codecs.getincrementaldecoder(name)("replace").decode(content, whole)


def _guessed(content: bytes) -> str:
    """An encoding, or nothing. Short texts tell charset-normalizer too little: so first, which
    encoding makes of the bytes the letters that its language has most.
    """
    first = _HIGH.search(content)
    sample = content[first.start() if first else 0 :][:SAMPLE]
    best = max(_FREQUENT, key=lambda name: _sense(sample, name))
    if _sense(sample, best) >= SURE:
        return best
    import charset_normalizer

    # Not cut within a letter: a line's end is never part of one.
    end = sample.rfind(b"\n") + 1 if len(sample) == SAMPLE else 0
    found = charset_normalizer.from_bytes(sample[: end or SAMPLE]).best()
    return found.encoding if found is not None else ""


def _sense(sample: bytes, name: str) -> float:
    """From 0 to 1: how much the letters beyond ASCII are those in use, and the frequent of those.
    Broken ones count against it.
    """
    text = _decode(sample, name, False)
    letters = [letter for letter in text if letter > "\x7f"]
    common = sum(letter in _COMMON[name] for letter in letters)
    frequent = sum(letter in _FREQUENT[name] for letter in letters)
    broken = letters.count("\ufffd") + len(_MIXED.findall(text))
    return (0.7 * common + 0.3 * frequent - 5 * broken) / max(1, len(letters))


def _text(text: str) -> str:
    sample = text[:SAMPLE]
    if len(_CONTROL.findall(sample)) > CONTROLS * len(sample):
        raise RefusedError(FaultCode.DOCUMENT_NOT_TEXT)
    return text


# --- HTML -----------------------------------------------------------------------------------------


def _declared(content: bytes) -> str:
    found = _DECLARED.search(content[:4096])
    return _MEANT.get(found[1].decode("ascii", "replace").lower(), "") if found else ""


def html_text(source: str) -> str:
    """As Markdown; where its elements are nested too deep for that, its words."""
    import bs4
    import markdownify

    soup = bs4.BeautifulSoup(source, "html.parser")
    # Not `head`: where it is not closed, the body is within.
    for element in soup.find_all(["script", "style", "template", "noscript", "svg", "title"]):
        element.decompose()
    for element in soup.find_all(["video", "audio", "iframe", "object", "embed"]):
        element.replace_with(element.get_text(" "))
    for image in soup.find_all("img"):
        image.replace_with(str(image.get("alt") or ""))
    for link in soup.find_all("a"):
        if _LINK.match(_INVISIBLE.sub("", str(link.get("href") or ""))):
            link.unwrap()
    try:
        text = markdownify.MarkdownConverter(heading_style="ATX", bullets="-").convert_soup(soup)
    except RecursionError:
        text = soup.get_text("\n")
    return _EMPTY_LINES.sub("\n\n", text).strip()


# --- PDF ------------------------------------------------------------------------------------------


def _pdf(content: bytes) -> dict[str, Any]:
    import pypdf

    reader = pypdf.PdfReader(io.BytesIO(content))
    try:
        locked = reader.is_encrypted and not reader.decrypt("")
    except pypdf.errors.DependencyError:  # a cipher that is not at hand
        locked = True
    if locked:
        raise RefusedError(FaultCode.DOCUMENT_LOCKED)
    count = len(reader.pages)
    missing: Exception | None = None  # why the first page that is not there is not

    def pages() -> Iterator[str]:
        nonlocal missing
        for number in range(min(count, PAGES)):
            try:
                text = reader.pages[number].extract_text().strip()
            except MemoryError:
                raise
            except Exception as error:  # noqa: BLE001  # one page of a stranger's document
                missing = missing or error
                continue
            if text:
                yield f"{text}\n\n"

    try:
        found = _found(DocumentKind.PDF, pages(), pages=count, left_out=count > PAGES)
    except RefusedError:
        if isinstance(missing, pypdf.errors.LimitReachedError):
            raise RefusedError(FaultCode.DOCUMENT_TOO_MUCH) from missing
        if missing is not None:
            raise missing from None
        raise
    found["left_out"] = found["left_out"] or missing is not None
    return found


# --- Excel ----------------------------------------------------------------------------------------


def _xlsx(content: bytes, most: int) -> dict[str, Any]:
    """The first sheet as CSV, with the values that formulas had when it was saved."""
    import openpyxl

    book = openpyxl.load_workbook(
        _unpacked(content, _BOOK_PART), read_only=True, data_only=True, keep_links=False
    )
    sheets = book.worksheets
    rows = sheets[0].iter_rows(values_only=True) if sheets else ()
    return _found(DocumentKind.TABLE, map(_csv_line, rows), most=most)


def _csv_line(cells: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(
        "" if cell is None else str(cell) for cell in cells
    )
    return line.getvalue()


# --- Word -----------------------------------------------------------------------------------------


def _docx(content: bytes) -> dict[str, Any]:
    import docx

    document = docx.Document(_unpacked(content, _WORD_PART))
    styles = {style.style_id: style.name or "" for style in document.styles}
    return _found(DocumentKind.DOCX, _word_parts(document.element.body, styles))


def _unpacked(content: bytes, wanted: re.Pattern[str]) -> io.BytesIO:
    """The archive with its XML alone, not compressed any more. Its directory may lie, so what is
    unpacked is counted.
    """
    plain, room = io.BytesIO(), UNPACKED_BYTES
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(plain, "w") as copy:
        listed = archive.infolist()
        if len(listed) > ENTRIES or sum(entry.file_size for entry in listed) > UNPACKED_BYTES:
            raise RefusedError(FaultCode.DOCUMENT_TOO_MUCH)
        entries = {entry.filename: entry for entry in listed}
        if not any(wanted.match(name) for name in entries):
            raise RefusedError(FaultCode.DOCUMENT_NOT_TEXT)
        for name, entry in entries.items():
            most = max(1_000_000, UNPACKED_RATIO * min(entry.compress_size, len(content)))
            if entry.file_size > most:
                raise RefusedError(FaultCode.DOCUMENT_TOO_MUCH)
            text = name.endswith((".xml", ".rels"))
            unpacked = _entry(archive, entry, min(room, most)) if text else b""
            room -= len(unpacked)
            if name == "[Content_Types].xml":
                unpacked = _MAIN_TYPE.sub(_DOCUMENT_TYPE, unpacked)
            copy.writestr(name, unpacked)
    return plain


def _entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    if entry.flag_bits & 1:
        raise RefusedError(FaultCode.DOCUMENT_LOCKED)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # No document has others, and Python unpacks those without a limit.
        raise RefusedError(FaultCode.DOCUMENT_DAMAGED, "compression")
    parts: list[bytes] = []
    with archive.open(entry) as file:
        while part := file.read(PACK):
            most -= len(part)
            if most < 0:
                raise RefusedError(FaultCode.DOCUMENT_TOO_MUCH)
            parts.append(part)
    return b"".join(parts)


def qn(tag: str) -> str:
    """As lxml names an element."""
    prefix, _, name = tag.partition(":")
    return f"{{{_NAMESPACES[prefix]}}}{name}"


_NAMESPACES = {
    "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
}
_PARAGRAPH, _TABLE, _ROW, _CELL = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc")
# Around paragraphs, rows and cells: content controls, what was inserted while changes are tracked.
_AROUND = frozenset(map(qn, ("w:sdt", "w:sdtContent", "w:customXml", "w:ins", "w:moveTo")))
_TEXT = frozenset([qn("w:t"), qn("m:t")])
_SIGNS = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}
# Properties, what was deleted or moved away, readings above letters, and what older programs show.
_NOT_SHOWN = frozenset(
    map(
        qn,
        ("w:pPr", "w:rPr", "w:tcPr", "w:sdtPr", "w:del", "w:moveFrom", "w:rt", "mc:Fallback"),
    )
)


def _word_parts(body: Any, styles: dict[str, str]) -> Iterator[str]:
    in_list = False
    for part in _within(body, (_PARAGRAPH, _TABLE)):
        if part.tag == _TABLE:
            before, text, after = "", _word_table(part), "\n\n"
        else:
            before, text, after = _word_paragraph(part, styles)
        if not text:
            continue
        if in_list and after == "\n\n":
            yield "\n"
        in_list = after == "\n"
        yield f"{before}{text}{after}"


def _word_paragraph(paragraph: Any, styles: dict[str, str]) -> tuple[str, str, str]:
    """What stands before it, its words, what stands after it."""
    text = "".join(_words(paragraph)).strip()
    style = styles.get(_value(paragraph, "w:pPr/w:pStyle"), "")
    heading = _HEADING.match(style)
    if heading or style == "Title":
        level = min(int(heading[1]), 6) if heading else 1
        return f"{'#' * level} ", " ".join(text.split()), "\n\n"
    numbered = _value(paragraph, "w:pPr/w:numPr/w:numId") not in ("", "0")
    if numbered or style.startswith(("List Bullet", "List Number")):
        level = _number(_value(paragraph, "w:pPr/w:numPr/w:ilvl"), 8)
        return f"{'  ' * level}- ", text.replace("\n", " "), "\n"
    return "", text, "\n\n"


def _word_table(table: Any) -> str:
    lines: list[str] = []
    for row in _within(table, (_ROW,)):
        cells: list[str] = []
        for cell in _within(row, (_CELL,)):
            cells.append(" ".join("".join(_words(cell)).split()).replace("|", r"\|"))
            cells += [""] * (_number(_value(cell, "w:tcPr/w:gridSpan"), 63) - 1)
        lines.append(f"| {' | '.join(cells)} |")
        if len(lines) == 1:
            lines.append(f"|{' --- |' * len(cells)}")
    return "\n".join(lines)


def _within(element: Any, tags: tuple[str, ...]) -> Iterator[Any]:
    for child in element:
        if child.tag in tags:
            yield child
        elif child.tag in _AROUND:
            yield from _within(child, tags)


def _words(element: Any) -> Iterator[str]:
    for child in element:
        if child.tag in _TEXT:
            yield child.text or ""
        elif child.tag in _SIGNS:
            yield _SIGNS[child.tag]
        elif child.tag not in _NOT_SHOWN:
            yield from _words(child)
            if child.tag == _PARAGRAPH:  # in a cell, or a box of text
                yield "\n"


def _value(element: Any, path: str) -> str:
    found = element.find("/".join(map(qn, path.split("/"))))
    return "" if found is None else str(found.get(qn("w:val")) or "")


def _number(text: str, most: int) -> int:
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 9 else 0


# --- the process ----------------------------------------------------------------------------------


def _import(names: Iterable[str]) -> None:
    """With all their parts, and every encoding: nothing is imported later."""
    for package in (encodings, *map(import_module, names)):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__") and ".cli" not in module.name:
                with contextlib.suppress(ImportError):  # of what is not installed with it
                    import_module(module.name)


def main() -> None:
    die_with_parent()
    warnings.simplefilter("ignore")  # they would hold the person's text
    content = sys.stdin.buffer.read(FILE_BYTES)
    suffix = sys.argv[1] if len(sys.argv) > 1 else ""
    most = int(sys.argv[2]) if len(sys.argv) > 2 else TEXT_CHARACTERS
    _import(PARSERS[parser_of(content, suffix)])
    drop_privileges()
    limit(MEMORY_LIMIT)
    leave_network()
    refuse_files_and_network()
    try:
        answer = read(content, suffix, most)
    except RefusedError as refused:
        answer = {"fault": refused.code.value, "reason": refused.reason}
    except (MemoryError, RecursionError):
        answer = {"fault": FaultCode.DOCUMENT_TOO_MUCH.value}
    except Exception as error:  # noqa: BLE001  # whatever a parser raises for a stranger's file
        answer = {"fault": FaultCode.DOCUMENT_DAMAGED.value, "reason": type(error).__name__}
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
