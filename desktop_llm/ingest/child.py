"""Reads one document, in a process that can be killed.

The file is descriptor 0, its suffix the only argument. No other file, no network, little memory.
One JSON object comes out: the text with what is known of it, or `fault`, a `FaultCode`.
"""

import codecs
import contextlib
import encodings
import hashlib
import io
import json
import os
import pkgutil
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

import bs4
import charset_normalizer
import docx
import markdownify
import pypdf
from docx.table import Table
from docx.text.paragraph import Paragraph

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

IMAGES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*", b"\x00\x00\x01\x00")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".heic")
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as that of UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w-]{2,30})""", re.IGNORECASE)
_IS_HTML = re.compile(rb"\s*(?:<!--.{0,2000}?-->\s*)?<(?:!doctype html|html)\b", re.I | re.S)
_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_LINK = re.compile(r"\s*(?:data|javascript|vbscript|file):", re.IGNORECASE)
_EMPTY_LINES = re.compile(r"\n{3,}")
_HEADING = re.compile(r"Heading ([1-6])$")


class RefusedError(Exception):
    """`code`: why."""

    def __init__(self, code: FaultCode, reason: str = "") -> None:
        super().__init__(code.value)
        self.code, self.reason = code, reason


def read(content: bytes, suffix: str) -> dict[str, Any]:
    """`kind`, `text`, `encoding`, `pages`, `left_out`. Raises RefusedError and whatever a parser
    raises.
    """
    if content.startswith(b"%PDF-") or b"%PDF-" in content[:1024]:
        return _pdf(content)
    if content.startswith(b"PK\x03\x04"):
        return _docx(content)
    webp = content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    if webp or content.startswith(IMAGES) or suffix in IMAGE_SUFFIXES:
        raise RefusedError(FaultCode.DOCUMENT_IS_IMAGE)
    html = suffix in (".html", ".htm", ".xhtml") or bool(_IS_HTML.match(content[:4096]))
    text, encoding = decoded(content, _declared(content) if html else "")
    kind = DocumentKind.TABLE if suffix in (".csv", ".tsv") else DocumentKind.TEXT
    if html:
        kind, text = DocumentKind.HTML, html_text(text)
    return _found(kind, [text], encoding)


def _found(
    kind: DocumentKind,
    parts: Iterable[str],
    encoding: str = "",
    pages: int | None = None,
    left_out: bool = False,
) -> dict[str, Any]:
    """As much of the parts as is taken."""
    taken: list[str] = []
    room = TEXT_CHARACTERS
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


def decoded(content: bytes, declared: str = "") -> tuple[str, str]:
    """Text and its encoding. `declared`: what the document says of that."""
    for mark, name in BOMS:
        if content.startswith(mark):
            return _text(content.decode(name, "replace")), name
    if b"\0" in content:
        raise RefusedError(FaultCode.DOCUMENT_NOT_TEXT)
    for name in filter(None, ("utf-8", declared)):
        try:
            return _text(content.decode(name)), name
        except (UnicodeDecodeError, LookupError):
            continue
    name = _guessed(content)
    return _text(content.decode(name, "replace")), name


def _guessed(content: bytes) -> str:
    best = charset_normalizer.from_bytes(content[:SAMPLE]).best()
    if best is None:
        raise RefusedError(FaultCode.DOCUMENT_NOT_TEXT)
    if best.encoding in ("gb2312", "gbk"):
        return "gb18030"  # which holds both
    return best.encoding


def _text(text: str) -> str:
    sample = text[:SAMPLE]
    if len(_CONTROL.findall(sample)) > CONTROLS * len(sample):
        raise RefusedError(FaultCode.DOCUMENT_NOT_TEXT)
    return text


# --- HTML -----------------------------------------------------------------------------------------


def _declared(content: bytes) -> str:
    found = _CHARSET.search(content[:4096])
    return found[1].decode("ascii").lower() if found else ""


def html_text(source: str) -> str:
    """As Markdown; where its elements are nested too deep for that, its words."""
    soup = bs4.BeautifulSoup(source, "html.parser")
    for element in soup.find_all(["script", "style", "template", "noscript", "svg", "head"]):
        element.decompose()
    for image in soup.find_all("img"):
        image.replace_with(str(image.get("alt") or ""))
    for link in soup.find_all("a"):
        if _LINK.match(str(link.get("href") or "")):
            link.unwrap()
    try:
        text = markdownify.MarkdownConverter(heading_style="ATX", bullets="-").convert_soup(soup)
    except RecursionError:
        text = soup.get_text("\n")
    return _EMPTY_LINES.sub("\n\n", text).strip()


# --- PDF ------------------------------------------------------------------------------------------


def _pdf(content: bytes) -> dict[str, Any]:
    reader = pypdf.PdfReader(io.BytesIO(content))
    try:
        locked = reader.is_encrypted and not reader.decrypt("")
    except pypdf.errors.DependencyError:  # a cipher that is not at hand
        locked = True
    if locked:
        raise RefusedError(FaultCode.DOCUMENT_LOCKED)
    count = len(reader.pages)
    missing = False

    def pages() -> Iterator[str]:
        nonlocal missing
        for number in range(min(count, PAGES)):
            try:
                text = reader.pages[number].extract_text().strip()
            except (MemoryError, RecursionError):
                raise
            except Exception:  # noqa: BLE001  # one page of a stranger's document
                missing = True
                continue
            if text:
                yield f"{text}\n\n"

    found = _found(DocumentKind.PDF, pages(), pages=count, left_out=count > PAGES)
    found["left_out"] = found["left_out"] or missing
    return found


# --- Word -----------------------------------------------------------------------------------------


def _docx(content: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        if "word/document.xml" not in archive.namelist():
            raise RefusedError(FaultCode.DOCUMENT_NOT_TEXT)
    unpacked = sum(entry.file_size for entry in entries)
    bombs = [
        entry
        for entry in entries
        if entry.file_size > max(1_000_000, UNPACKED_RATIO * max(1, entry.compress_size))
    ]
    if len(entries) > ENTRIES or unpacked > UNPACKED_BYTES or bombs:
        raise RefusedError(FaultCode.DOCUMENT_TOO_MUCH)
    document = docx.Document(io.BytesIO(content))
    return _found(DocumentKind.DOCX, _word_parts(document.iter_inner_content()))


def _word_parts(parts: Iterable[Paragraph | Table]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Table):
            yield _word_table(part)
            continue
        text = part.text.strip()
        if not text:
            continue
        style = (part.style.name or "") if part.style is not None else ""
        heading = _HEADING.match(style)
        if heading:
            yield f"{'#' * int(heading[1])} {text}\n\n"
        elif style == "Title":
            yield f"# {text}\n\n"
        elif style.startswith("List"):
            yield f"- {text}\n"
        else:
            yield f"{text}\n\n"


def _word_table(table: Table) -> str:
    lines: list[str] = []
    for row in table.rows:
        cells = [cell.text.strip().replace("\n", " ").replace("|", r"\|") for cell in row.cells]
        lines.append(f"| {' | '.join(cells)} |")
        if len(lines) == 1:
            lines.append(f"|{' --- |' * len(cells)}")
    return "\n".join(lines) + "\n\n"


# --- the process ----------------------------------------------------------------------------------


def main() -> None:
    die_with_parent()
    for package in (pypdf, docx, charset_normalizer, encodings):  # nothing is imported later
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__") and ".cli" not in module.name:
                with contextlib.suppress(ImportError):  # of what is not installed with it
                    import_module(module.name)
    with os.fdopen(os.dup(0), "rb") as file:
        content = file.read(FILE_BYTES)
    drop_privileges()
    limit(MEMORY_LIMIT)
    leave_network()
    refuse_files_and_network()
    try:
        answer = read(content, sys.argv[1] if len(sys.argv) > 1 else "")
        answer |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
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
