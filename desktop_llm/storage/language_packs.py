"""Language packs on the disk: taken out of the wheel they come in, as data alone.

A wheel is a stranger's archive. It is read with caps, and of it only the pipeline's own folder is
unpacked, file by file, without its code; nothing in it is ever imported. A pack lies in
`packs/<name>-<version>/`, placed there by one rename, with a note of where it came from.
"""

import configparser
import hashlib
import json
import os
import re
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import IO, Any

import msgspec

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.language_packs import DROPPED, LanguagePack, foreign_parts, serves
from desktop_llm.storage.disk import disk_faults, sync, write_atomically

NOTE = ".pack.json"
WHEEL_BYTES = 2_000_000_000
ENTRIES = 5000
UNPACKED_BYTES = 4_000_000_000
UNPACKED_RATIO = 200  # of one file, above a megabyte
TEXT_BYTES = 5_000_000  # of config and description
PACK_BYTES = 1 << 20  # read at a time
DATA_SUFFIXES = frozenset(
    {"", ".bin", ".cfg", ".json", ".jsonl", ".md", ".msgpack", ".npy", ".npz", ".txt"}
)
_FOLDER = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_]{0,80})-(?P<version>\d[A-Za-z0-9.]{0,40})")
_NAME = re.compile(r"[A-Za-z0-9_.+ -]{1,120}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_DAMAGES = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, OverflowError,
    NotImplementedError, ValueError,
)  # fmt: skip
_INCOMING, _REMOVED = ".incoming-", ".removed-"


class LanguagePackFiles:
    """The folder of installed packs. Every method blocks on the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def install(self, wheel: Path, sha256: str = "", origin: str = "") -> LanguagePack:
        """Raises EnvironmentFault where it is none, is refused, or cannot be written.

        `sha256`: the hash that the file must have; empty: nobody knows it, and it is noted as seen
        here first. `origin`: the address it was fetched from.
        """
        with _opened(wheel) as file:
            found = _hash(file, wheel)
            if sha256 and found != sha256.lower():
                raise EnvironmentFault(FaultCode.PACK_DIFFERS, path=wheel.name)
            try:
                with zipfile.ZipFile(file) as archive:
                    return self._install(archive, wheel, origin or wheel.name, found, bool(sha256))
            except _DAMAGES as error:  # what is written raises faults
                raise _damaged(wheel, type(error).__name__) from error

    def installed(self) -> tuple[LanguagePack, ...]:
        """By name, the newest version of each first."""
        found = [pack for folder in self._folders() if (pack := _noted(folder)) is not None]
        found.sort(key=lambda pack: _order(pack.version), reverse=True)
        return tuple(sorted(found, key=lambda pack: pack.name))

    def remove(self, name: str) -> None:
        """`name`: as the folder is called. Raises NO_PACK; EnvironmentFault of the disk."""
        folder = self._folder / name
        if not _FOLDER.fullmatch(name) or folder.is_symlink() or not folder.is_dir():
            raise EnvironmentFault(FaultCode.NO_PACK, name=name[:120])
        with disk_faults(self._folder):
            gone = Path(tempfile.mkdtemp(prefix=_REMOVED, dir=self._folder))
            folder.rename(gone / name)
            sync(self._folder)
            shutil.rmtree(gone)

    def sweep(self) -> None:
        """Erase what a crash left half unpacked or half removed; while nothing is installed."""
        with suppress(OSError):
            for folder in self._folder.iterdir():
                if folder.name.startswith((_INCOMING, _REMOVED)) and not folder.is_symlink():
                    shutil.rmtree(folder, ignore_errors=True)

    def _folders(self) -> Iterator[Path]:
        with suppress(OSError):
            for folder in self._folder.iterdir():
                if _FOLDER.fullmatch(folder.name) and not folder.is_symlink() and folder.is_dir():
                    yield folder

    def _install(
        self, archive: zipfile.ZipFile, wheel: Path, origin: str, sha256: str, known: bool
    ) -> LanguagePack:
        entries = _checked(archive, wheel)
        root = _root(entries, wheel)
        matched = _FOLDER.fullmatch(root.name)
        if matched is None:
            raise _damaged(wheel, "folder")
        meta = _described(archive, entries, root, wheel)
        config = _config(archive, entries, root, wheel)
        files = {
            path: entry
            for path, entry in entries.items()
            if path.is_relative_to(root) and path != root / "config.cfg" and _is_data(path)
        }
        target = self._folder / root.name
        if target.exists():
            raise EnvironmentFault(FaultCode.PACK_THERE, name=root.name)
        with disk_faults(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            incoming = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=self._folder))
        try:
            pack = LanguagePack(
                name=matched["name"],
                version=matched["version"],
                language=meta["lang"],
                folder=str(target),
                size_bytes=_unpack(archive, files, root, incoming, wheel),
                components=_pipeline(config),
                licence=str(meta.get("license") or "")[:200],
                spacy_version=str(meta.get("spacy_version") or "")[:200],
                origin=origin[:2000],
                sha256=sha256,
                known_hash=known,
            )
            with disk_faults(self._folder), (incoming / "config.cfg").open("x") as file:
                config.write(file)
            write_atomically(incoming / NOTE, msgspec.json.encode(pack).decode())
            with disk_faults(self._folder):
                incoming.chmod(0o700)
                incoming.rename(target)
                sync(self._folder)
        except BaseException:
            shutil.rmtree(incoming, ignore_errors=True)
            raise
        return pack


# --- the wheel ------------------------------------------------------------------------------------


def _opened(wheel: Path) -> IO[bytes]:
    try:
        if not stat.S_ISREG(wheel.stat().st_mode):  # a pipe would never open
            raise _damaged(wheel, "no file")
        size = wheel.stat().st_size
        if size > WHEEL_BYTES:
            raise EnvironmentFault(
                FaultCode.FILE_TOO_LARGE, path=wheel.name, most_bytes=WHEEL_BYTES
            )
        return wheel.open("rb")
    except OSError as error:
        raise EnvironmentFault(
            FaultCode.FILE_UNREADABLE, path=wheel.name, reason=error.strerror or ""
        ) from error


def _hash(file: IO[bytes], wheel: Path) -> str:
    digest = hashlib.sha256()
    try:
        while piece := file.read(PACK_BYTES):
            digest.update(piece)
        file.seek(0)
    except OSError as error:
        raise EnvironmentFault(
            FaultCode.FILE_UNREADABLE, path=wheel.name, reason=error.strerror or ""
        ) from error
    return digest.hexdigest()


def _checked(archive: zipfile.ZipFile, wheel: Path) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """Its files. Raises PACK_DAMAGED where any name or size is not to be trusted."""
    listed = archive.infolist()
    if len(listed) > ENTRIES or sum(entry.file_size for entry in listed) > UNPACKED_BYTES:
        raise _damaged(wheel, "size")
    found: dict[PurePosixPath, zipfile.ZipInfo] = {}
    seen: set[str] = set()
    for entry in listed:
        mode = entry.external_attr >> 16
        path = PurePosixPath(entry.filename)
        odd = (
            entry.orig_filename != entry.filename
            or path.is_absolute()
            or not all(_NAME.fullmatch(part) and part.strip(". ") for part in path.parts)
            or len(path.parts) > 12
            or (mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR))
            or entry.filename.rstrip("/").lower() in seen
        )
        if odd or not path.parts:
            raise _damaged(wheel, "name")
        seen.add(entry.filename.rstrip("/").lower())
        if entry.is_dir():
            continue
        if entry.flag_bits & 1 or entry.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):
            raise _damaged(wheel, "compression")
        if entry.file_size > max(1_000_000, UNPACKED_RATIO * entry.compress_size):
            raise _damaged(wheel, "ratio")
        found[path] = entry
    return found


def _root(entries: dict[PurePosixPath, zipfile.ZipInfo], wheel: Path) -> PurePosixPath:
    roots = [path.parent for path in entries if path.name == "config.cfg" and len(path.parts) == 3]
    if len(roots) != 1 or roots[0] / "meta.json" not in entries:
        raise _damaged(wheel, "no pipeline")
    return roots[0]


def _described(
    archive: zipfile.ZipFile,
    entries: dict[PurePosixPath, zipfile.ZipInfo],
    root: PurePosixPath,
    wheel: Path,
) -> dict[str, Any]:
    try:
        meta = json.loads(_text(archive, entries[root / "meta.json"], wheel))
    except RecursionError as error:
        raise _damaged(wheel, "meta.json") from error
    if not isinstance(meta, dict) or not _LANGUAGE.fullmatch(str(meta.get("lang"))):
        raise _damaged(wheel, "meta.json")
    wanted = str(meta.get("spacy_version") or "")
    try:
        found = version("spacy")
    except PackageNotFoundError as error:
        raise EnvironmentFault(FaultCode.LANGUAGE_TOOL_MISSING, name="spacy") from error
    if not serves(found, wanted):
        raise EnvironmentFault(
            FaultCode.PACK_VERSION, path=wheel.name, wanted=wanted[:80], found=found
        )
    return meta


def _config(
    archive: zipfile.ZipFile,
    entries: dict[PurePosixPath, zipfile.ZipInfo],
    root: PurePosixPath,
    wheel: Path,
) -> configparser.ConfigParser:
    """Without the sections that are for making a pipeline. Raises PACK_REFUSED."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # as spaCy reads it
    try:
        parser.read_string(_text(archive, entries[root / "config.cfg"], wheel))
    except configparser.Error as error:
        raise _damaged(wheel, "config.cfg") from error
    if parser.defaults() or not parser.has_section("nlp"):
        raise _damaged(wheel, "config.cfg")
    for section in parser.sections():
        if section.partition(".")[0] in DROPPED:
            parser.remove_section(section)
    tree: dict[str, Any] = {}
    try:
        for section in parser.sections():
            place = tree
            for part in section.split("."):
                place = place.setdefault(part, {})
            for key, text in parser.items(section):
                place[key] = _value(text)
        foreign = next(foreign_parts(tree), "")
        language = tree["nlp"]["lang"]
    except (RecursionError, AttributeError, KeyError, TypeError) as error:
        raise _damaged(wheel, "config.cfg") from error
    if foreign:
        raise EnvironmentFault(FaultCode.PACK_REFUSED, path=wheel.name, detail=foreign[:200])
    if not isinstance(language, str) or not _LANGUAGE.fullmatch(language):
        raise _damaged(wheel, "config.cfg")
    return parser


def _value(text: str) -> Any:
    """As spaCy reads it: JSON, or else the text. What only becomes a table by being put together
    of pieces is a key nobody may have.
    """
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    assembled = isinstance(value, str) and "@" in value
    nested = not isinstance(value, str) and "${" in text and "@" in text
    return {"@assembled": text[:80]} if assembled or nested else value


def _pipeline(config: configparser.ConfigParser) -> tuple[str, ...]:
    try:
        names = json.loads(config.get("nlp", "pipeline", fallback="[]"))
    except ValueError:
        return ()
    return tuple(str(name)[:80] for name in names) if isinstance(names, list) else ()


def _is_data(path: PurePosixPath) -> bool:
    return path.suffix.lower() in DATA_SUFFIXES


def _text(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, wheel: Path) -> str:
    """Raises PACK_DAMAGED; ValueError where it is no UTF-8."""
    with archive.open(entry) as file:
        content = file.read(TEXT_BYTES + 1)
    if len(content) > TEXT_BYTES:
        raise _damaged(wheel, "size")
    return content.decode("utf-8")


def _unpack(
    archive: zipfile.ZipFile,
    files: dict[PurePosixPath, zipfile.ZipInfo],
    root: PurePosixPath,
    target: Path,
    wheel: Path,
) -> int:
    """How many bytes. What a directory says of sizes may be a lie, so they are counted."""
    total = 0
    for path, entry in files.items():
        place = target.joinpath(*path.relative_to(root).parts)
        left = entry.file_size
        with disk_faults(target):
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            output = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(output, "wb") as written, archive.open(entry) as file:
            first = True
            while piece := file.read(PACK_BYTES):
                if first and len(piece) > 1 and piece[0] == 0x80 and 2 <= piece[1] <= 5:
                    detail = f"pickle: {place.name}"
                    raise EnvironmentFault(FaultCode.PACK_REFUSED, path=wheel.name, detail=detail)
                first = False
                left -= len(piece)
                if left < 0:
                    raise _damaged(wheel, "size")
                with disk_faults(target):
                    written.write(piece)
                total += len(piece)
            with disk_faults(target):
                written.flush()
                os.fsync(written.fileno())
    return total


# --- the note -------------------------------------------------------------------------------------


def _noted(folder: Path) -> LanguagePack | None:
    try:
        pack = msgspec.json.decode((folder / NOTE).read_bytes(), type=LanguagePack)
    except (OSError, msgspec.DecodeError):
        return None
    return replace(pack, folder=str(folder))  # the data folder may have been moved since


def _order(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)))


def _damaged(wheel: Path, reason: str) -> EnvironmentFault:
    return EnvironmentFault(FaultCode.PACK_DAMAGED, path=wheel.name, reason=reason)
