"""Documents as text: what is read of a file that a person attaches to a question."""

from dataclasses import dataclass
from enum import StrEnum

FILE_BYTES = 100_000_000  # larger files are refused
TEXT_CHARACTERS = 2_000_000  # more than any local model reads; the rest is left out, and it is said
TABLE_CHARACTERS = 20_000_000  # of a table: its rows are read one by one
PAGES = 2000  # of a PDF that are read
PASTE = 4000  # characters; a longer text that is pasted becomes an attachment


class DocumentKind(StrEnum):
    TEXT = "text"  # plain text, Markdown and source files, as they are
    TABLE = "table"  # CSV and TSV, as they are
    HTML = "html"  # as Markdown
    PDF = "pdf"  # the text of its pages
    DOCX = "docx"  # as Markdown
    PASTED = "pasted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The text of a file. `encoding`: that it was read in, or empty; `pages`: of a PDF.

    `left_out`: there is more in the file than `text` has, as a cap was reached.
    """

    name: str  # of the file, without its folder
    kind: DocumentKind
    text: str
    size_bytes: int
    sha256: str
    encoding: str = ""
    pages: int | None = None
    left_out: bool = False
