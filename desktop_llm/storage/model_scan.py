"""Finds model files in folders: names and sizes alone, and what other programs say of theirs."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from desktop_llm.core.model_facts import ModelKind
from desktop_llm.core.models import InstalledModel, ModelSource
from desktop_llm.storage.library_file import Link
from desktop_llm.storage.model_places import HUGGING_FACE, OLLAMA

DEEPEST = 6  # folders below one that is looked through
MOST_ENTRIES = 50_000  # of files and folders in one place
SMALL = 1_000_000  # bytes of a description that is read

_SPLIT = re.compile(r"(?P<stem>.+)-(?P<part>\d{5})-of-(?P<parts>\d{5})\.gguf", re.IGNORECASE)
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_OLLAMA_MODEL = "application/vnd.ollama.image.model"
_OLLAMA_PROJECTOR = "application/vnd.ollama.image.projector"


def linked_models(link: Link) -> list[InstalledModel]:
    path = Path(link.path)
    if path.is_file():
        return [one_model([path], ModelSource.LINKED, link.app)]
    if link.app == OLLAMA:
        return list(_ollama(path))
    found = scan(path, ModelSource.LINKED, link.app)
    return [_from_cache(model, path) if link.app == HUGGING_FACE else model for model in found]


def scan(root: Path, source: ModelSource, app: str) -> list[InstalledModel]:
    """GGUF files, a split one as one, and folders of encoders."""
    found: list[InstalledModel] = []
    for folder, names in _walk(root):
        paths = [folder / name for name in names if name.lower().endswith(".gguf")]
        paths = [path for path in paths if path.is_file()]  # no link into nothing
        found += [one_model(group, source, app) for group in _groups(paths)]
        if not paths and _is_encoder(names):
            found.append(_encoder(folder, names, source, app))
    return found


def _walk(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Folders and the names of their files, sorted; links to folders are not followed."""
    left = MOST_ENTRIES
    for place, folders, names in os.walk(root):
        folder = Path(place)
        depth = len(folder.relative_to(root).parts)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and depth < DEEPEST
        )
        left -= len(folders) + len(names)
        if left < 0:
            return
        yield folder, sorted(names)


def _groups(paths: list[Path]) -> Iterator[list[Path]]:
    """Files that are one model."""
    split: dict[tuple[str, str], list[Path]] = {}
    for path in paths:
        found = _SPLIT.fullmatch(path.name)
        if found is None:
            yield [path]
        else:
            split.setdefault((found["stem"], found["parts"]), []).append(path)
    for group in split.values():
        yield sorted(group)


def one_model(paths: list[Path], source: ModelSource, app: str) -> InstalledModel:
    first = paths[0]
    found = _SPLIT.fullmatch(first.name)
    return InstalledModel(
        name=found["stem"] if found else first.stem,
        path=str(first),
        size_bytes=sum(_size(path) for path in paths),
        source=source,
        files=tuple(map(str, paths)) if len(paths) > 1 else (),
        app=app,
    )


def _is_encoder(names: list[str]) -> bool:
    return (
        "config.json" in names
        and any(name.endswith(".safetensors") for name in names)
        and any(name in names for name in ("tokenizer.json", "vocab.txt", "tokenizer.model"))
    )


def _encoder(folder: Path, names: list[str], source: ModelSource, app: str) -> InstalledModel:
    return InstalledModel(
        name=folder.name,
        path=str(folder),
        size_bytes=sum(_size(folder / name) for name in names),
        source=source,
        app=app,
        kind=ModelKind.ENCODER,
    )


def _ollama(root: Path) -> Iterator[InstalledModel]:
    """Its files have hashes for names; manifests say what is what.

    Source: https://github.com/ollama/ollama, `types/model/name.go` and `server/manifest.go`.
    """
    for folder, names in _walk(root / "manifests"):
        for tag in names:
            manifest = small_json(folder / tag)
            layers = manifest.get("layers") if isinstance(manifest, dict) else None
            blobs: dict[str, tuple[Path, str]] = {}
            for layer in layers if isinstance(layers, list) else ():
                if isinstance(layer, dict) and (blob := _blob(root, layer.get("digest"))):
                    blobs.setdefault(str(layer.get("mediaType")), blob)
            if _OLLAMA_MODEL not in blobs:
                continue
            path, digest = blobs[_OLLAMA_MODEL]
            projector = blobs.get(_OLLAMA_PROJECTOR)
            yield replace(
                one_model([path], ModelSource.LINKED, OLLAMA),
                name=f"{folder.name}:{tag}",
                sha256=digest,
                projector="" if projector is None else str(projector[0]),
            )


def _blob(root: Path, digest: object) -> tuple[Path, str] | None:
    found = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    if found is None:
        return None
    path = root / "blobs" / f"sha256-{found[1]}"
    return (path, found[1]) if path.is_file() else None


def _from_cache(model: InstalledModel, root: Path) -> InstalledModel:
    """The cache of huggingface_hub: models--OWNER--NAME/snapshots/COMMIT/…"""
    parts = Path(model.path).relative_to(root).parts
    if len(parts) < 4 or not parts[0].startswith("models--") or parts[1] != "snapshots":
        return model
    repo = parts[0].removeprefix("models--").replace("--", "/", 1)
    name = repo.rpartition("/")[2] if model.kind is ModelKind.ENCODER else model.name
    return replace(model, name=name, repo=repo, revision=parts[2])


def missing_parts(model: InstalledModel) -> int:
    """Files of a split model that are not there."""
    found = _SPLIT.fullmatch(Path(model.path).name)
    return max(0, int(found["parts"]) - len(model.all_files)) if found else 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def small_json(path: Path) -> object:
    """None where it is none, or far too large for what it should be."""
    try:
        if not path.is_file() or path.stat().st_size > SMALL:
            return None
        value: object = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value
