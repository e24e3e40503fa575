"""The catalogues of `resources/i18n`: `update` from the source, `check`, `compile` for use.

A check fails on a text without translation, a fuzzy one, one whose placeholders differ, and one
within an f-string, where nobody would find it.
"""

import ast
import string
import sys
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "resources" / "i18n"
DOMAIN = "desktop_llm"
KEYWORDS = {"_": None, "noted": None, "counted": (1, 2)}


def compile_all() -> list[Path]:
    """Write each catalogue where gettext looks for it. Returns the files."""
    written = []
    for source in sorted(FOLDER.glob("*.po")):
        target = FOLDER / source.stem / "LC_MESSAGES" / f"{DOMAIN}.mo"
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                write_mo(file, _read(source))
        written.append(target)
    return written


def update() -> None:
    for path in sorted(FOLDER.glob("*.po")):
        catalogue = _read(path)
        catalogue.update(_template(), no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        with path.open("wb") as file:
            write_po(file, catalogue, width=100, omit_header=False, no_location=True)


def check() -> list[str]:
    """What is wrong, one line each."""
    wanted = {message.id for message in _template() if message.id}
    wrong = _hidden()
    for path in sorted(FOLDER.glob("*.po")):
        catalogue = _read(path)
        present = {message.id for message in catalogue if message.id}
        for text in sorted(map(str, wanted - present)):
            wrong.append(f"{path.name}: not in the catalogue: {text}")
        for text in sorted(map(str, present - wanted)):
            wrong.append(f"{path.name}: no longer in the program: {text}")
        for message in catalogue:
            if message.id and (fault := _fault(message)):
                wrong.append(f"{path.name}: {fault}: {message.id}")
    return wrong


def _hidden() -> list[str]:
    """Texts to be translated within f-strings: Babel does not look into these."""
    found = []
    for path in sorted((ROOT / "desktop_llm").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found += [
                    f"{path.relative_to(ROOT)}:{call.lineno}: a text within an f-string"
                    for call in ast.walk(node)
                    if isinstance(call, ast.Call)
                    and isinstance(call.func, ast.Name)
                    and call.func.id in KEYWORDS
                ]
    return found


def _fault(message: Message) -> str:
    texts = message.string if isinstance(message.string, tuple | list) else [message.string]
    ids = message.id if isinstance(message.id, tuple | list) else [message.id]
    if not all(texts):
        return "not translated"
    if message.fuzzy:
        return "fuzzy"
    if any(_fields(text) != _fields(ids[-1]) for text in texts):
        return "other placeholders"
    return ""


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def _template() -> Catalog:
    catalogue = Catalog()
    methods = [("**.py", "python")]
    found = extract_from_dir(ROOT / "desktop_llm", methods, keywords=KEYWORDS)
    for name, line, text, comments, _context in found:
        catalogue.add(text, None, [(name, line)], auto_comments=comments)
    return catalogue


def _read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.stem, domain=DOMAIN)


def main() -> int:
    command = sys.argv[1] if len(sys.argv) == 2 else ""
    if command == "compile":
        compile_all()
    elif command == "update":
        update()
    elif command == "check":
        wrong = check()
        print("\n".join(wrong) if wrong else "Every text is translated.")
        return 1 if wrong else 0
    else:
        print("usage: translations.py compile|update|check")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
