"""Words marked wherever they stand in the messages that are seen."""

from collections.abc import Sequence

from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QColor,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
)

MOST = 500  # marks in one message; more help nobody and take their time


class MessageMarks:
    def __init__(self) -> None:
        self.words: tuple[str, ...] = ()
        self._found: dict[int, tuple[QTextDocument, int, list[QTextCursor]]] = {}

    def set_words(self, words: Sequence[str]) -> None:
        self.words = tuple(word for word in words if word.strip())
        self._found.clear()

    def places(self, key: int, document: QTextDocument) -> list[QTextCursor]:
        """In the message of that key, in order. Looked for once for each state of its document."""
        if not self.words:
            return []
        known = self._found.get(key)
        if known is None or known[0] is not document or known[1] != document.revision():
            known = (document, document.revision(), _find(document, self.words))
            self._found[key] = known
        return known[2]

    def painted(
        self, key: int, document: QTextDocument, ground: QColor
    ) -> list[QAbstractTextDocumentLayout.Selection]:
        marks = []
        for cursor in self.places(key, document):
            mark = QAbstractTextDocumentLayout.Selection()
            mark.cursor = cursor
            style = QTextCharFormat()  # nothing else: it is laid over what each character has
            style.setBackground(ground)
            mark.format = style
            marks.append(mark)
        return marks


def _find(document: QTextDocument, words: Sequence[str]) -> list[QTextCursor]:
    """Whatever the case of the letters; a word within a longer one too."""
    found: list[QTextCursor] = []
    for word in words:
        cursor = document.find(word, 0)
        while not cursor.isNull() and len(found) < MOST:
            found.append(cursor)
            cursor = document.find(word, cursor)
    return sorted(found, key=lambda cursor: cursor.selectionStart())
