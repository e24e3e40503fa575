"""`models list|pull`: what this computer has, and how more comes to it."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from desktop_llm.cli.following import follow
from desktop_llm.core.downloads import DownloadSpec, RemoteFile
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.jobs import JobKind
from desktop_llm.services.jobs import JobService
from desktop_llm.storage.library import Library
from desktop_llm.storage.paths import resolve_folders


def register(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=run_list)
    pull = actions.add_parser("pull", help="download a model file by its address")
    pull.add_argument("address", help="https://…/model.gguf")
    pull.add_argument("--sha256", default="", help="that the file must have")
    pull.add_argument("--background", action="store_true", help="do not wait for it")
    pull.add_argument("--json", action="store_true")
    pull.set_defaults(run=run_pull)


def run_list(options: argparse.Namespace) -> int:
    models = Library(resolve_folders(options.data_dir)).models()
    if options.json:
        print(json.dumps([asdict(model) for model in models], ensure_ascii=False))
        return 0
    for model in models:
        print(f"{model.name}\t{model.size_bytes / 1e6:,.0f} MB\t{model.source}\t{model.path}")
    return 0


def run_pull(options: argparse.Namespace) -> int:
    """Interrupted from the keyboard, the download goes on in the background."""
    spec = _spec(options.address, options.sha256.lower())
    folders = resolve_folders(options.data_dir)
    folders.ensure()
    service = JobService(folders)
    try:
        job = service.add(JobKind.DOWNLOAD, spec.files[0].name, spec.to_values())
        if options.background:
            print(json.dumps({"id": job.id}) if options.json else job.id)
            return 0
        job = follow(service, job.id, sys.stderr)
    finally:
        service.close()
    files = job.result.get("files", [])
    if options.json:
        print(json.dumps({"id": job.id, "files": files}, ensure_ascii=False))
    else:
        for file in files:
            print(file["path"])
    return 0


def _spec(address: str, sha256: str) -> DownloadSpec:
    """Into a folder of its host's name: two hosts may have a file of one name."""
    try:
        parts = urlsplit(address)
        name = PurePosixPath(unquote(parts.path)).name
        file = RemoteFile(url=address, name=name, sha256=sha256)
        host = (parts.hostname or "").replace(":", "_")
        return DownloadSpec(folder=host, files=(file,), source=parts.hostname or "")
    except ValueError as error:
        raise EnvironmentFault(FaultCode.ADDRESS_INVALID, path=address[:200]) from error
