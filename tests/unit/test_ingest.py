"""Documents read by the real child: of every kind, damaged, locked, and made to hurt."""

import io
import os
import subprocess
import sys
import threading
import time
import zipfile
import zlib

import docx
import psutil
import pypdf
import pytest
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from desktop_llm.core.documents import FILE_BYTES, TEXT_CHARACTERS, DocumentKind
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.ingest import reader
from desktop_llm.ingest.reader import CancelledError, read_document
from desktop_llm.services.documents import DocumentReader

SLEEPS = (sys.executable, "-c", "import time; time.sleep(100)")
CHINESE = "这是一个文本。天气很好，我们去公园吧。请把合同翻译成英文，谢谢。"
TRADITIONAL = "這是一個文本。今天天氣很好，我們一起去公園散步吧。臺灣的學生喜歡讀書。"


@pytest.fixture
def read(tmp_path):
    def read(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_document(path)

    return read


def refusal(read, name, content):
    with pytest.raises(EnvironmentFault) as fault:
        read(name, content)
    assert fault.value.data["path"] == name
    return fault.value.code


def pdf(*pages, **encryption):
    writer = pypdf.PdfWriter()
    for text in pages:
        page = writer.add_blank_page(300, 300)
        font = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/Type1"),
                NameObject("/BaseFont"): NameObject("/Helvetica"),
            }
        )
        fonts = DictionaryObject({NameObject("/F1"): writer._add_object(font)})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode() if text else b"")
        page[NameObject("/Contents")] = writer._add_object(stream)
    if encryption:
        writer.encrypt(**encryption)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def word(build):
    document = docx.Document()
    build(document)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "text", "encoding"),
    [
        ("a.txt", "One line.\n", "One line.\n", "utf-8"),
        ("a.md", "# 标题\r\n", "# 标题\n", "utf-8"),
        ("a.py", "print('x')\n", "print('x')\n", "utf-8"),
        ("no-suffix", "Words.", "Words.", "utf-8"),
        ("bom.txt", "词".encode("utf-8-sig"), "词", "utf-8-sig"),
        ("wide.txt", "词 and words".encode("utf-16"), "词 and words", "utf-16"),
        ("wider.txt", "词 and words".encode("utf-32"), "词 and words", "utf-32"),
        ("gb.txt", CHINESE.encode("gb18030"), CHINESE, "gb18030"),
        ("big5.txt", TRADITIONAL.encode("big5"), TRADITIONAL, "big5"),
    ],
)
def test_text_is_read_in_its_encoding(read, name, content, text, encoding):
    document = read(name, content)
    assert (document.kind, document.text) == (DocumentKind.TEXT, text)
    assert document.encoding == encoding
    assert document.name == name
    assert len(document.sha256) == 64


def test_a_table_stays_as_it_is(read):
    document = read("t.csv", "a;b\n1;2\n")
    assert (document.kind, document.text) == (DocumentKind.TABLE, "a;b\n1;2\n")


def test_a_web_page_becomes_markdown_and_loads_nothing(read):
    document = read(
        "page.html",
        "<html><head><title>no</title><style>b{}</style></head><body><h2>Head</h2>"
        "<script>alert(1)</script><p>A <b>word</b> and a <a href='https://x.org'>link</a>, "
        "<a href='javascript:bad()'>none</a>, <img src='file:///dev/zero' alt='a picture'></p>"
        "<ul><li>one</li></ul></body></html>",
    )
    assert document.kind is DocumentKind.HTML
    assert "## Head" in document.text
    assert "A **word** and a [link](https://x.org), none, a picture" in document.text
    assert "- one" in document.text
    assert not {"alert", "javascript", "/dev/zero"} & set(document.text.replace("(", " ").split())


def test_a_web_page_says_its_encoding(read):
    source = f"<html><meta charset='big5'><body>{TRADITIONAL}</body></html>".encode("big5")
    document = read("p.html", source)
    assert document.text.strip() == TRADITIONAL
    assert document.encoding == "big5"


def test_nesting_without_end_is_read_as_words(read):
    assert "deep" in read("d.html", "<div>" * 20_000 + "deep" + "</div>" * 20_000).text
    assert "deep" in read("l.html", "<ul><li>" * 5_000 + "deep").text


def test_a_pdf_is_read_page_by_page(read):
    document = read("two.pdf", pdf("First page", "Second page"))
    assert (document.kind, document.pages) == (DocumentKind.PDF, 2)
    assert document.text == "First page\n\nSecond page\n\n"
    assert not document.left_out


def test_a_pdf_is_known_by_its_content(read):
    assert read("misnamed.txt", pdf("Words")).kind is DocumentKind.PDF


def test_a_locked_pdf_is_said_and_one_without_a_password_is_read(read):
    locked = pdf("Secret", user_password="x", algorithm="RC4-128")
    assert refusal(read, "locked.pdf", locked) is FaultCode.DOCUMENT_LOCKED
    opened = pdf("Open", user_password="", owner_password="x", algorithm="RC4-128")
    assert read("open.pdf", opened).text == "Open\n\n"


def test_a_pdf_of_pictures_is_said(read):
    assert refusal(read, "scan.pdf", pdf("", "")) is FaultCode.DOCUMENT_WITHOUT_TEXT


def test_a_word_document_becomes_markdown(read):
    def build(document):
        document.add_heading("The title", 1)
        document.add_paragraph("Words here.")
        document.add_paragraph("one", style="List Bullet")
        table = document.add_table(rows=2, cols=2)
        for at, text in enumerate(("a", "b|c", "1", "2")):
            table.cell(at // 2, at % 2).text = text
        document.add_paragraph("合同")

    document = read("d.docx", word(build))
    assert document.kind is DocumentKind.DOCX
    assert document.text == (
        "# The title\n\nWords here.\n\n- one\n| a | b\\|c |\n| --- | --- |\n| 1 | 2 |\n\n合同\n\n"
    )


def test_what_a_word_document_points_at_is_not_read(read, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("canary")
    source = io.BytesIO(word(lambda document: document.add_paragraph("PLACE")))
    out = io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename == "word/document.xml":
                head, _, rest = data.partition(b"?>")
                entity = f'?><!DOCTYPE x [<!ENTITY e SYSTEM "file://{secret}">]>'.encode()
                data = head + entity + rest.replace(b"PLACE", b"PLACE &e;")
            new.writestr(entry.filename, data)
    try:
        text = read("evil.docx", out.getvalue()).text
    except EnvironmentFault as fault:
        text = str(fault)
    assert "canary" not in text


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.txt", b"", FaultCode.DOCUMENT_WITHOUT_TEXT),
        ("blank.txt", b" \n\t", FaultCode.DOCUMENT_WITHOUT_TEXT),
        ("p.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, FaultCode.DOCUMENT_IS_IMAGE),
        ("photo.jpg", b"\xff\xd8\xff\xe0abc", FaultCode.DOCUMENT_IS_IMAGE),
        ("program", b"\x7fELF\x02\x01\x01\0\0\0", FaultCode.DOCUMENT_NOT_TEXT),
        ("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500, FaultCode.DOCUMENT_NOT_TEXT),
        ("noise.txt", bytes(range(1, 32)) * 50, FaultCode.DOCUMENT_NOT_TEXT),
        ("cut.pdf", b"%PDF-1.4\n1 0 obj\n<<", FaultCode.DOCUMENT_DAMAGED),
        ("cut.docx", b"PK\x03\x04 not a zip", FaultCode.DOCUMENT_DAMAGED),
    ],
)
def test_what_cannot_be_read_says_why(read, name, content, code):
    assert refusal(read, name, content) is code


def test_another_kind_of_archive_is_no_document(read):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
    assert refusal(read, "sheet.xlsx", out.getvalue()) is FaultCode.DOCUMENT_NOT_TEXT


def _archive(*entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", "<x/>")
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def test_archives_that_unpack_to_too_much_are_refused_before(read):
    bomb = _archive(("word/media/x.xml", b"0" * 60_000_000))
    assert len(bomb) < 100_000
    assert refusal(read, "bomb.docx", bomb) is FaultCode.DOCUMENT_TOO_MUCH
    many = _archive(*((f"word/{number}", b"") for number in range(10_001)))
    assert refusal(read, "many.docx", many) is FaultCode.DOCUMENT_TOO_MUCH


def test_an_archive_that_lies_about_its_length_is_damaged(read):
    bomb = bytearray(_archive(("word/styles.xml", b"<y>" * 2_000_000)))
    size = (6_000_000).to_bytes(4, "little")
    assert bomb.count(size) == 2
    content = bytes(bomb).replace(size, (100).to_bytes(4, "little"))
    assert refusal(read, "liar.docx", content) in (
        FaultCode.DOCUMENT_DAMAGED,
        FaultCode.DOCUMENT_TOO_MUCH,
    )


def test_a_pdf_that_unpacks_to_gigabytes_is_given_up(read):
    squeezed = zlib.compress(b"0" * 300_000_000, 9)
    stream = b"<< /Length %d /Filter /FlateDecode >>" % len(squeezed)
    content = _with_stream(stream, squeezed)
    assert len(content) < 1_000_000
    assert refusal(read, "bomb.pdf", content) in (
        FaultCode.DOCUMENT_TOO_MUCH,
        FaultCode.DOCUMENT_WITHOUT_TEXT,
        FaultCode.DOCUMENT_DAMAGED,
    )


def test_a_pdf_nested_without_end_is_refused(read):
    content = _with_stream(b"<< /Length 3 /X " + b"[" * 100_000, b"abc")
    assert refusal(read, "nested.pdf", content) in (
        FaultCode.DOCUMENT_TOO_MUCH,
        FaultCode.DOCUMENT_WITHOUT_TEXT,
        FaultCode.DOCUMENT_DAMAGED,
    )


def _with_stream(head, data):
    return (
        b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
        b"2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n"
        b"3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>\nendobj\n"
        b"4 0 obj\n" + head + b"\nstream\n" + data + b"\nendstream\nendobj\n"
        b"trailer\n<< /Root 1 0 R /Size 5 >>\n%%EOF\n"
    )


def test_a_text_that_is_longer_than_the_cap_is_cut_and_it_is_said(read):
    document = read("long.txt", "x" * (TEXT_CHARACTERS + 1))
    assert len(document.text) == TEXT_CHARACTERS
    assert document.left_out


def test_a_file_that_is_larger_than_the_cap_is_not_opened(tmp_path):
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.truncate(FILE_BYTES + 1)
    with pytest.raises(EnvironmentFault) as fault:
        read_document(path)
    assert fault.value.code is FaultCode.FILE_TOO_LARGE


@pytest.mark.skipif(os.name != "posix", reason="such files")
def test_what_is_no_file_never_blocks(tmp_path):
    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe)
    folder = tmp_path / "folder.txt"
    folder.mkdir()
    link = tmp_path / "link.txt"
    link.symlink_to("/dev/zero")
    for path in (pipe, folder, link):
        with pytest.raises(EnvironmentFault) as fault:
            read_document(path)
        assert fault.value.code is FaultCode.DOCUMENT_NOT_TEXT
    with pytest.raises(EnvironmentFault) as fault:
        read_document(tmp_path / "missing.txt")
    assert fault.value.code is FaultCode.FILE_UNREADABLE


def _children():
    return [child for child in psutil.Process().children(recursive=True) if child.is_running()]


def test_what_takes_too_long_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "COMMAND", SLEEPS)
    monkeypatch.setattr(reader, "TIME_LIMIT", 0.3)
    path = tmp_path / "a"
    path.write_text("x")
    with pytest.raises(EnvironmentFault) as fault:
        read_document(path)
    assert fault.value.code is FaultCode.DOCUMENT_TOO_MUCH


def test_reading_can_be_cancelled_and_leaves_no_process(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "COMMAND", SLEEPS)
    path = tmp_path / "a"
    path.write_text("x")
    before = _children()
    cancelled = threading.Event()
    threading.Timer(0.3, cancelled.set).start()
    begun = time.monotonic()
    with pytest.raises(CancelledError):
        read_document(path, cancelled)
    assert time.monotonic() - begun < 20
    assert _children() == before


def test_the_child_opens_nothing(tmp_path):
    script = (
        "import sys, desktop_llm.ingest.child as child\n"
        "def read(content, suffix):\n"
        "    open('/etc/hostname')\n"
        "child.read = read\n"
        "child.main()\n"
    )
    path = tmp_path / "a"
    path.write_text("x")
    with path.open("rb") as file:
        done = subprocess.run(
            [sys.executable, "-c", script], stdin=file, capture_output=True, check=True
        )
    assert b'"reason": "PermissionError"' in done.stdout


def test_files_are_read_one_after_the_other_and_given_up_at_the_end(tmp_path):
    files = DocumentReader()
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    tasks = [files.read(tmp_path / name) for name in ("a.txt", "b.txt", "none.txt")]
    assert [task.result(60).text for task in tasks[:2]] == ["a.txt", "b.txt"]
    with pytest.raises(EnvironmentFault):
        tasks[2].result(60)
    last = files.read(tmp_path / "a.txt")
    last.cancel()
    assert last.result(60) is None
    files.close()
    assert files.read(tmp_path / "a.txt").result(1) is None
