"""Third-party licences, as the installed packages state them."""

import re
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution

PROGRAM = "desktop-llm"
_LICENCE_FILE = re.compile(r"(licen[cs]e|copying|notice)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Licence:
    package: str
    version: str
    licence: str  # an SPDX expression where the package gives one
    text: str


def third_party() -> list[Licence]:
    """Of every package that the program needs, and those need, by name. Reads files."""
    found: dict[str, Licence] = {}
    waiting = _needed(PROGRAM)
    while waiting:
        name = waiting.pop()
        key = name.lower().replace("_", "-")
        if key in found:
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue  # for another system
        found[key] = _licence(package)
        waiting += _needed(name)
    return [found[key] for key in sorted(found)]


def _needed(name: str) -> list[str]:
    """What a package requires without its extras."""
    try:
        requirements = distribution(name).requires or []
    except PackageNotFoundError:
        return []
    names = (_NAME.match(line) for line in requirements if "extra ==" not in line)
    return [match.group() for match in names if match is not None]


def _licence(package: Distribution) -> Licence:
    data = package.metadata
    stated = "".join((data.get_all("License-Expression") or data.get_all("License") or [])[:1])
    if not stated or "\n" in stated:
        classifiers = data.get_all("Classifier") or []
        names = [line.rpartition("::")[2].strip() for line in classifiers if "License" in line]
        stated = ", ".join(names) or "?"
    texts = []
    for file in package.files or []:
        if ".dist-info" in str(file) and _LICENCE_FILE.search(file.name):
            try:
                texts.append(file.read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError):
                continue
    return Licence(data["Name"], package.version, stated, "\n\n".join(texts))
