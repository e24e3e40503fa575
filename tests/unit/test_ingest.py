"""Documents read by the real child: of every kind, damaged, locked, and made to hurt."""

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
import zlib
from pathlib import Path

import docx
import psutil
import pypdf
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from desktop_llm.core.documents import FILE_BYTES, TEXT_CHARACTERS, DocumentKind
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.ingest import child, reader
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
        ("short.txt", "你好，世界".encode("gb18030"), "你好，世界", "gb18030"),
        ("short5.txt", "你好，世界".encode("big5"), "你好，世界", "big5"),
        ("mixed.py", "x = 1  # 计算总和\n".encode("gb18030"), "x = 1  # 计算总和\n", "gb18030"),
        ("rare.txt", f"{CHINESE}㐀𠀀".encode("gb18030"), f"{CHINESE}㐀𠀀", "gb18030"),
        ("fr.txt", "Le café était fermé.".encode("cp1252"), "Le café était fermé.", "cp1252"),
        ("q.txt", "It’s “quoted” – so.".encode("cp1252"), "It’s “quoted” – so.", "cp1252"),
        ("cut.txt", CHINESE.encode()[:-1], CHINESE[:-1] + "\ufffd", "utf-8"),
        ("car.txt", "BMW is a car maker.", "BMW is a car maker.", "utf-8"),
        ("about.md", "It begins with %PDF-1.4.", "It begins with %PDF-1.4.", "utf-8"),
        ("a.png", "Words.", "Words.", "utf-8"),
        ("page.pdf", "Not found.", "Not found.", "utf-8"),
        ("tricky.txt", "a\r\nb\rc", "a\nb\nc", "utf-8"),
    ],
)
def test_text_is_read_in_its_encoding(read, name, content, text, encoding):
    document = read(name, content)
    assert (document.kind, document.text) == (DocumentKind.TEXT, text)
    assert document.encoding == encoding
    assert document.name == name
    assert len(document.sha256) == 64


@pytest.mark.parametrize(
    ("line", "encoding"),
    [(CHINESE, "gb18030"), ("x" + CHINESE, "gb18030"), (TRADITIONAL, "big5")],
)
def test_a_long_text_is_not_taken_for_another_encoding(read, line, encoding):
    for text in (line * 8_000, f"{line}\n" * 8_000, "Plain words.\n" * 30_000 + line):
        document = read("long.txt", text.encode(encoding))
        assert document.encoding == encoding
        assert document.text == text


def test_a_line_of_a_megabyte_is_a_text(read):
    assert read("line.json", "[" + "1," * 500_000 + "1]").text.endswith("1,1]")


def test_a_table_stays_as_it_is(read):
    document = read("t.csv", "a;b\n1;2\n")
    assert (document.kind, document.text) == (DocumentKind.TABLE, "a;b\n1;2\n")
    document = read("people.tsv", "姓名\t年龄\n张三\t20\n".encode("gb18030"))
    assert (document.kind, document.text) == (DocumentKind.TABLE, "姓名\t年龄\n张三\t20\n")


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


def test_a_web_page_is_read_whatever_is_wrong_with_it(read):
    assert read("open.html", "<html><head><title>t</title><body><p>Words").text == "Words"
    link = "<a href='java\nscript:bad()'>Words</a> <video src=x.mp4 poster=y.png>film</video>"
    assert read("link.html", link).text.split() == ["Words", "film"]
    assert read("no-suffix", "<!DOCTYPE html><p>Words").kind is DocumentKind.HTML
    # Some encodings of Python make other texts of a text; a page cannot choose them.
    page = "<meta charset='unicode_escape'><p>\\x41 é</p>".encode("cp1252")
    assert "é" in read("meta.html", page).text


def test_a_web_page_says_its_encoding(read):
    source = f"<html><meta charset='big5'><body>{TRADITIONAL}</body></html>".encode("big5")
    document = read("p.html", source)
    assert document.text.strip() == TRADITIONAL
    assert document.encoding == "big5hkscs"


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
        "# The title\n\nWords here.\n\n- one\n\n| a | b\\|c |\n| --- | --- |\n| 1 | 2 |\n\n合同\n\n"
    )


def test_what_is_seen_in_a_word_document_is_read_and_nothing_else(read):
    def build(document):
        paragraph = document.add_paragraph("before ")
        for change, text in (("ins", "<w:t>new</w:t>"), ("del", "<w:delText>old</w:delText>")):
            paragraph._p.append(
                parse_xml(f"<w:{change} {nsdecls('w')}><w:r>{text}</w:r></w:{change}>")
            )
        document.element.body.insert(
            1,
            parse_xml(
                f"<w:sdt {nsdecls('w')}><w:sdtPr/><w:sdtContent><w:p><w:r><w:t>field</w:t><w:tab/>"
                "<w:t>value</w:t></w:r></w:p></w:sdtContent></w:sdt>"
            ),
        )

    assert read("changes.docx", word(build)).text == "before new\n\nfield\tvalue\n\n"


def test_joined_cells_of_a_word_table_are_read_once(read):
    def build(document):
        table = document.add_table(rows=1_500, cols=3)
        table.cell(0, 0).merge(table.cell(0, 2)).text = "wide"
        for row in table._tbl.tr_lst[1:]:
            row.tc_lst[0].get_or_add_tcPr().append(parse_xml(f"<w:vMerge {nsdecls('w')}/>"))
        table._tbl.tr_lst[1].tc_lst[1].p_lst[0].add_r().text = "two\nlines"

    text = read("joined.docx", word(build)).text
    assert text.startswith("| wide |  |  |\n| --- | --- | --- |\n|  | two lines |  |\n")
    assert text.count("\n|") == 1_500


def _repacked(content, change, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", method) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, change(entry.filename, old.read(entry)))
    return out.getvalue()


def test_a_word_document_with_macros_is_read(read):
    content = _repacked(
        word(lambda document: document.add_paragraph("Words")),
        lambda _, data: data.replace(
            b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
            b"application/vnd.ms-word.document.macroEnabled.main+xml",
        ),
    )
    assert read("macros.docm", content).text == "Words\n\n"


def test_entities_that_multiply_are_not_followed(read):
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    head = f'?><!DOCTYPE x [<!ENTITY e0 "lol">{levels}]>'.encode()
    content = _repacked(
        word(lambda document: document.add_paragraph("PLACE")),
        lambda _, data: data.replace(b"?>", head, 1).replace(b"PLACE", b"PLACE &e11;"),
    )
    assert refusal(read, "laughs.docx", content) is FaultCode.DOCUMENT_DAMAGED


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
        ("p", b"RIFF\x10\0\0\0WEBPVP8 \0\0", FaultCode.DOCUMENT_IS_IMAGE),
        ("p.txt", b"BM\x10\x20\0\0\0\0\0\0\x36\0\0\0", FaultCode.DOCUMENT_IS_IMAGE),
        ("p.heic", b"\0\0\0\x18ftypheic\0\0\0\0", FaultCode.DOCUMENT_IS_IMAGE),
        ("odd.jpg", b"\0\x01\x02", FaultCode.DOCUMENT_IS_IMAGE),
        ("program", b"\x7fELF\x02\x01\x01\0\0\0", FaultCode.DOCUMENT_NOT_TEXT),
        ("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500, FaultCode.DOCUMENT_NOT_TEXT),
        (
            "locked.docx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            FaultCode.DOCUMENT_LOCKED,
        ),
        ("bad.html", b"<html>\0\0", FaultCode.DOCUMENT_NOT_TEXT),
        ("empty.html", b"<html><script>x</script>", FaultCode.DOCUMENT_WITHOUT_TEXT),
        ("noise.txt", bytes(range(1, 32)) * 50, FaultCode.DOCUMENT_NOT_TEXT),
        ("cut.pdf", b"%PDF-1.4\n1 0 obj\n<<", FaultCode.DOCUMENT_DAMAGED),
        ("cut.docx", b"PK\x03\x04 not a zip", FaultCode.DOCUMENT_DAMAGED),
    ],
)
def test_what_cannot_be_read_says_why(read, name, content, code):
    assert refusal(read, name, content) is code


@pytest.mark.parametrize(
    "inside", ["xl/workbook.xml", "ppt/presentation.xml", "content.xml", "a.txt"]
)
def test_another_kind_of_archive_is_no_document(read, inside):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(inside, "<x/>")
    assert refusal(read, "misnamed.docx", out.getvalue()) is FaultCode.DOCUMENT_NOT_TEXT


def test_a_word_document_that_is_cut_is_damaged(read):
    content = word(lambda document: document.add_paragraph("Words"))
    assert refusal(read, "cut.docx", content[: len(content) // 2]) is FaultCode.DOCUMENT_DAMAGED
    broken = _repacked(content, lambda name, data: data[:200] if "document.xml" in name else data)
    assert refusal(read, "broken.docx", broken) is FaultCode.DOCUMENT_DAMAGED


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
    bomb = bytearray(_archive(("word/styles.xml", b"<y>" * 60_000_000)))
    size = (180_000_000).to_bytes(4, "little")
    assert bomb.count(size) == 2
    content = bytes(bomb).replace(size, (100).to_bytes(4, "little"))
    assert refusal(read, "liar.docx", content) is FaultCode.DOCUMENT_DAMAGED


def test_an_archive_is_unpacked_in_portions_and_counted():
    content = _archive(("word/styles.xml", b"<y>" * 2_000))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entry = archive.getinfo("word/styles.xml")
        assert child._entry(archive, entry, 6_000) == b"<y>" * 2_000
        with pytest.raises(child.RefusedError) as refused:
            child._entry(archive, entry, 5_999)
    assert refused.value.code is FaultCode.DOCUMENT_TOO_MUCH


def test_an_archive_that_is_packed_as_no_document_is_damaged(read):
    content = _repacked(_archive(), lambda _, data: data, zipfile.ZIP_BZIP2)
    assert refusal(read, "odd.docx", content) is FaultCode.DOCUMENT_DAMAGED


def _bare_pdf(contents, *bodies):
    """A page for each number in `contents`, of which `bodies` are the objects from 4 on."""
    first = 4 + len(bodies)
    kids = b" ".join(b"%d 0 R" % (first + at) for at in range(len(contents)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(contents), kids),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        *bodies,
        *(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % content
            for content in contents
        ),
    ]
    out = io.BytesIO(b"%PDF-1.4\n")
    out.seek(0, os.SEEK_END)
    table = [b"0000000000 65535 f \n"]
    for number, body in enumerate(objects, 1):
        table.append(b"%010d 00000 n \n" % out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    size, at = len(table), out.tell()
    out.write(
        b"xref\n0 %d\n%strailer\n<< /Root 1 0 R /Size %d >>\n" % (size, b"".join(table), size)
    )
    out.write(b"startxref\n%d\n%%%%EOF\n" % at)
    return out.getvalue()


def _stream(data, head=b""):
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), head, data)


@pytest.fixture(scope="module")
def endless_pdf():
    return _bare_pdf([4, *[5] * 99_998, 4], _stream(WORDS), _stream(b""))


WORDS = b"BT /F1 12 Tf 2 2 Td (Words) Tj ET"


def test_a_page_that_is_broken_is_left_out_and_it_is_said(read):
    bodies = _stream(WORDS), _stream(b"\0broken", b"/Filter /NoSuchFilter")
    document = read("part.pdf", _bare_pdf([4, 5, 4], *bodies))
    assert (document.text, document.pages) == ("Words\n\nWords\n\n", 3)
    assert document.left_out
    assert refusal(read, "none.pdf", _bare_pdf([5], *bodies)) is FaultCode.DOCUMENT_DAMAGED


def test_a_pdf_of_100_000_pages_is_read_as_far_as_the_cap(read, endless_pdf):
    document = read("pages.pdf", endless_pdf)
    assert document.left_out
    assert (document.pages, document.text) == (100_000, "Words\n\n")


def test_a_pdf_that_unpacks_to_gigabytes_is_given_up(read):
    packer = zlib.compressobj(9)
    million = b"BT ET " * 166_667
    squeezed = b"".join(packer.compress(million) for _ in range(1_000)) + packer.flush()
    assert len(squeezed) < 6_000_000
    content = _bare_pdf([4], _stream(squeezed, b"/Filter /FlateDecode"))
    assert refusal(read, "bomb.pdf", content) is FaultCode.DOCUMENT_TOO_MUCH


def test_a_bomb_in_a_pdf_costs_its_page_alone(read):
    twice = zlib.compress(zlib.compress(b"0" * 300_000_000, 9), 9)
    bomb = _stream(twice, b"/Filter [/FlateDecode /FlateDecode]")
    document = read("part.pdf", _bare_pdf([4, 5], bomb, _stream(WORDS)))
    assert (document.text, document.left_out) == ("Words\n\n", True)


@pytest.mark.parametrize("opened", [b"[", b"<< /X "])
def test_what_is_nested_without_end_in_a_pdf_costs_its_page_alone(read, opened):
    nested = opened * 100_000
    bodies = nested, _stream(nested), _stream(WORDS)
    document = read("nested.pdf", _bare_pdf([4, 5, 6], *bodies))
    assert document.text == "Words\n\n"


def test_a_pdf_that_is_cut_is_damaged(read):
    content = _bare_pdf([4, 4], _stream(WORDS))
    for kept in (len(content) // 3, len(content) * 2 // 3):
        assert refusal(read, "cut.pdf", content[:kept]) is FaultCode.DOCUMENT_DAMAGED


def test_a_pdf_whose_pages_are_their_own_children_is_refused(read):
    content = _bare_pdf([4], _stream(WORDS)).replace(b"/Kids [5 0 R]", b"/Kids [2 0 R]")
    assert refusal(read, "ring.pdf", content) is FaultCode.DOCUMENT_DAMAGED


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


@pytest.mark.skipif(os.name != "posix", reason="such files")
def test_what_cannot_be_opened_says_why(tmp_path):
    (tmp_path / "a.txt").write_text("Words.")
    ring = tmp_path / "ring.txt"
    ring.symlink_to(ring)
    for path in (tmp_path / "a.txt" / "b.txt", ring, tmp_path / ("x" * 300)):
        with pytest.raises(EnvironmentFault) as fault:
            read_document(path)
        assert fault.value.code is FaultCode.FILE_UNREADABLE
        assert fault.value.data["path"] == path.name
        assert fault.value.data["reason"]
    with pytest.raises(EnvironmentFault) as fault:
        read_document(tmp_path / "a\0.txt")
    assert fault.value.code is FaultCode.FILE_UNREADABLE


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_says_so(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("Words.")
    path.chmod(0)
    with pytest.raises(EnvironmentFault) as fault:
        read_document(path)
    assert fault.value.code is FaultCode.FILE_UNREADABLE


@pytest.mark.skipif(os.name != "posix", reason="such names")
def test_a_link_is_read_and_a_name_of_any_bytes_is_shown(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    path.write_text("Words.")
    assert read_document(path).name == "caf\ufffd.txt"
    link = tmp_path / "link.txt"
    link.symlink_to(path)
    document = read_document(link)
    assert (document.name, document.text) == ("link.txt", "Words.")
    assert document.sha256 == hashlib.sha256(b"Words.").hexdigest()
    assert document.size_bytes == 6


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_a_file_that_is_longer_than_it_says_is_refused(monkeypatch):
    monkeypatch.setattr(reader, "FILE_BYTES", 10)
    with pytest.raises(EnvironmentFault) as fault:
        read_document(Path("/proc/self/status"))
    assert fault.value.code is FaultCode.FILE_TOO_LARGE
    assert fault.value.data["most_bytes"] == 10


def _says(answer):
    script = f"import sys; sys.stdin.buffer.read(); {answer}"
    return (sys.executable, "-c", script)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("print('words')", FaultCode.DOCUMENT_DAMAGED),
        ("print('[' * 100_000)", FaultCode.DOCUMENT_DAMAGED),
        ("print('{\"kind\": 7}')", FaultCode.DOCUMENT_DAMAGED),
        ('print(\'{"fault": "none"}\')', FaultCode.DOCUMENT_DAMAGED),
        ("print('{', end='')", FaultCode.DOCUMENT_TOO_MUCH),
        ("pass", FaultCode.DOCUMENT_TOO_MUCH),
        ("[print('x' * 9999) for _ in iter(int, 1)]", FaultCode.DOCUMENT_TOO_MUCH),
        ("import os; os.abort()", FaultCode.DOCUMENT_TOO_MUCH),
    ],
)
def test_a_child_is_not_believed(read, monkeypatch, answer, code):
    monkeypatch.setattr(reader, "COMMAND", _says(answer))
    assert refusal(read, "a.txt", "x") is code


def _children():
    return [found for found in psutil.Process().children(recursive=True) if found.is_running()]


def test_what_takes_too_long_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "COMMAND", SLEEPS)
    monkeypatch.setattr(reader, "TIME_LIMIT", 0.3)
    path = tmp_path / "a"
    for size in (1, 10_000_000):  # which does not fit into a pipe
        path.write_bytes(b"x" * size)
        with pytest.raises(EnvironmentFault) as fault:
            read_document(path)
        assert fault.value.code is FaultCode.DOCUMENT_TOO_MUCH
    assert _children() == []


@pytest.mark.parametrize("size", [1, 10_000_000])
def test_reading_can_be_cancelled_and_leaves_no_process(tmp_path, monkeypatch, size):
    monkeypatch.setattr(reader, "COMMAND", SLEEPS)
    path = tmp_path / "a"
    path.write_bytes(b"x" * size)
    assert _cancelled_after(path, 0.3) < 1


def test_a_child_at_work_is_cancelled(tmp_path, endless_pdf):
    path = tmp_path / "pages.pdf"
    path.write_bytes(endless_pdf)
    assert _cancelled_after(path, 1.0) < 1


def _cancelled_after(path, delay):
    """How many seconds it then took."""
    before = _children()
    cancelled = threading.Event()
    begun = []

    def cancel():
        begun.append(time.monotonic())
        cancelled.set()

    timer = threading.Timer(delay, cancel)
    timer.start()
    with pytest.raises(CancelledError):
        read_document(path, cancelled)
    took = time.monotonic() - begun[0]
    timer.join()
    assert _children() == before
    return took


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_the_child_is_limited():
    script = (
        "import resource, desktop_llm.ingest.child as child\n"
        "def read(content, suffix, most):\n"
        "    names = ('AS', 'FSIZE', 'NPROC', 'CORE')\n"
        "    limits = [resource.getrlimit(getattr(resource, 'RLIMIT_' + n))[1] for n in names]\n"
        "    return {'limits': limits}\n"
        "child.read = read\n"
        "child.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], input=b"x", capture_output=True)
    assert json.loads(done.stdout) == {"limits": [1024**3, 0, 0, 0]}


@pytest.mark.parametrize(
    "attempt",
    [
        "open('/etc/hostname')",
        "__import__('socket').socket()",
        "__import__('subprocess').Popen(['true'])",
        "__import__('os').system('true')",
        "__import__('os').remove('/nonexistent')",
    ],
)
def test_the_child_opens_and_starts_nothing(attempt):
    script = (
        "import socket, subprocess, desktop_llm.ingest.child as child\n"
        "def read(content, suffix, most):\n"
        f"    {attempt}\n"
        "child.read = read\n"
        "child.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=b"x", capture_output=True, check=True
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
