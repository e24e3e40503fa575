"""`models list|search|show|pull|import|verify|remove|bench|optimise`."""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from desktop_llm.cli.following import follow, job_service
from desktop_llm.core.catalogue import ModelTask, fit_of, matching, recommended, weights_rate
from desktop_llm.core.downloads import DownloadSpec, RemoteFile
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.hub import SORTS
from desktop_llm.core.jobs import Job, JobKind
from desktop_llm.core.models import InstalledModel, LoadOptions
from desktop_llm.core.settings import Language
from desktop_llm.services.model_library import ModelLibrary
from desktop_llm.services.verification import CheckSpec
from desktop_llm.storage.library import Library
from desktop_llm.storage.model_places import known_places
from desktop_llm.storage.paths import resolve_folders
from desktop_llm.storage.speed_history import SpeedHistory
from desktop_llm.words import _, counted, current_language
from desktop_llm.words.amounts import size_words
from desktop_llm.words.discover import brief, fit_words, reason_words
from desktop_llm.words.faults import word_fault
from desktop_llm.words.measurement import (
    left_out_words,
    measured_words,
    outcome_words,
    verdict_words,
    when_words,
)
from desktop_llm.words.models import brief_words, facts_of, speed_words

if TYPE_CHECKING:
    from desktop_llm.core.measurement import Candidate
    from desktop_llm.services.discovery import Discovery


def register(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list")
    listing.set_defaults(run=run_list)
    show = actions.add_parser("show", help="all that is known of one")
    show.set_defaults(run=run_show)
    show.add_argument("--newer", action="store_true", help="ask the Hub for a newer version")
    search = actions.add_parser("search", help="find models on the Hub")
    search.set_defaults(run=run_search)
    search.add_argument("words", nargs="*", help="of the name; OWNER/NAME: what it offers")
    search.add_argument("--language", default="", help="as a code: en, zh …")
    search.add_argument("--licence", default="", help="as the Hub names it: apache-2.0 …")
    search.add_argument("--known", action="store_true", help="the catalogue, without any network")
    search.add_argument("--sort", choices=SORTS, default="downloads")
    search.add_argument("--limit", type=int, default=20)
    pull = actions.add_parser("pull", help="download a model from the Hub, or by its address")
    pull.set_defaults(run=run_pull)
    pull.add_argument("address", help="OWNER/NAME, OWNER/NAME:Q4_K_M, or https://…/model.gguf")
    pull.add_argument("--revision", default="main")
    pull.add_argument("--sha256", default="", help="that the file must have")
    pull.add_argument("--background", action="store_true", help="do not wait for it")
    reading = actions.add_parser("import", help="use files, or folders of them, where they lie")
    reading.set_defaults(run=run_import)
    reading.add_argument("path", type=Path, nargs="*")
    reading.add_argument("--offers", action="store_true", help="folders of other programs here")
    verify = actions.add_parser("verify", help="read a model whole and compare its hash")
    verify.set_defaults(run=run_verify)
    bench = actions.add_parser("bench", help="measure how fast a model is here")
    bench.set_defaults(run=run_bench)
    bench.add_argument("--history", action="store_true", help="what was measured before")
    faster = actions.add_parser("optimise", help="try formats that are faster here")
    faster.set_defaults(run=run_optimise)
    decision = faster.add_mutually_exclusive_group()
    decision.add_argument("--adopt", metavar="FORMAT", help="take what was made before: Q8_0 …")
    decision.add_argument("--discard", action="store_true", help="delete what was made before")
    remove = actions.add_parser("remove", help="delete a model, or stop using one that is linked")
    remove.set_defaults(run=run_remove)
    remove.add_argument("--yes", action="store_true", help="do not ask")
    for each in (show, verify, bench, faster, remove):
        each.add_argument("name", help="as listed, or a path")
    for each in (listing, show, search, pull, reading, verify, bench, faster, remove):
        each.add_argument("--json", action="store_true")


def run_list(options: argparse.Namespace) -> int:
    models = _library(options).all()
    if options.json:
        print(json.dumps([_values(*found) for found in models], ensure_ascii=False))
        return 0
    for model, fault in models:
        about = brief_words(model) if fault is None else word_fault(fault).what
        fields = (model.name, size_words(model.size_bytes), about, speed_words(model), model.path)
        print("\t".join(fields))
    return 0


def run_show(options: argparse.Namespace) -> int:
    model = _library(options).find(options.name)
    newer = None
    if options.newer:
        with _hub(options) as hub:
            newer = hub.newer(model)
    if options.json:
        values = _values(model, None)
        if options.newer:
            values["newer"] = None if newer is None else newer.revision
        print(json.dumps(values, ensure_ascii=False))
        return 0
    for name, value in facts_of(model):
        print(f"{name}\t{value}")
    if options.newer:
        said = _("none") if newer is None else f"{newer.source}  {newer.revision}"
        print(_("Newer version") + f"\t{said}")
    return 0


def run_pull(options: argparse.Namespace) -> int:
    """Interrupted from the keyboard, the download goes on in the background."""
    if "://" in options.address:
        spec = _spec(options.address, options.sha256.lower())
    else:
        repo, _colon, wanted = options.address.partition(":")
        with _hub(options) as hub:
            spec = hub.spec(repo, wanted, options.revision)
    with job_service(options) as service:
        job = service.add(JobKind.DOWNLOAD, spec.title, spec.to_values())
        if options.background:
            print(json.dumps({"id": job.id}) if options.json else job.id)
            return 0
        job = follow(service, job.id, sys.stderr)
    _try_templates(_library(options))
    _print_files(job, options.json)
    return 0


def run_search(options: argparse.Namespace) -> int:
    words = " ".join(options.words)
    if options.known:
        return _print_known(words, options)
    with _hub(options) as hub:
        if re.fullmatch(r"[^/\s]+/[^/\s]+", words):
            return _print_offers(hub, words, options.json)
        tags = [options.language] if options.language else []
        tags += [f"license:{options.licence}"] if options.licence else []
        found = hub.search(words, options.sort, max(1, min(options.limit, 200)), tags)
    if options.json:
        print(json.dumps([asdict(one) for one in found], ensure_ascii=False))
        return 0
    for one in found:
        gated = _("asks for its licence") if one.gated else ""
        downloads = counted("{number} download", "{number} downloads", one.downloads)
        print("\t".join((one.repo, downloads, one.licence, gated)))
    return 0


def _print_offers(hub: "Discovery", repo: str, as_json: bool) -> int:
    from desktop_llm.engine.memory import free_memory

    info, offered = hub.offers(repo)
    memory, fault = hub.memory(info, offered, LoadOptions())
    fits = {each.name: fit_of(memory(each), free_memory()) for each in offered}
    if as_json:
        rows = [asdict(each) | {"size": each.size, "memory": memory(each),
                "fit": fits[each.name].value} for each in offered]  # fmt: skip
        print(json.dumps(rows))
        return 0
    for each in offered:
        size = "" if each.size is None else size_words(each.size)
        fields = (f"{info.repo}:{each.name}", size, each.files[0].name, fit_words(fits[each.name]))
        print("\t".join(fields))
    if fault is not None:
        print(f"desktop-llm: {word_fault(fault)}", file=sys.stderr)
    return 0


def _print_known(words: str, options: argparse.Namespace) -> int:
    """The catalogue; what is recommended for a task first, with the reason."""
    import os

    from desktop_llm.engine.memory import free_memory
    from desktop_llm.services.catalogue import catalogue

    free = free_memory()
    installed = [model for model, _fault in _library(options).all()]
    rate = weights_rate(installed, os.cpu_count() or 1)
    language = options.language or ("zh" if current_language() is Language.CHINESE else "en")
    known = [each for each in matching(catalogue(), words, None, options.language)
             if options.licence in ("", each.licence)]  # fmt: skip
    reasons = {}
    for task in ModelTask:
        if (found := recommended(known, free, language, task, rate)) is not None:
            reasons[found.model.sha256] = reason_words(found)
    known.sort(key=lambda each: (each.sha256 not in reasons, each.size))
    fits = [fit_of(each.rough_memory, free, each.rate(rate)) for each in known]
    if options.json:
        rows = [asdict(each) | {"fit": fit.value, "reason": reasons.get(each.sha256, "")}
                for each, fit in zip(known, fits, strict=True)]  # fmt: skip
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for each, fit in zip(known, fits, strict=True):
        about = reasons.get(each.sha256) or brief(each)
        print("\t".join((f"{each.repo}", each.name, size_words(each.size), fit_words(fit), about)))
    return 0


@contextmanager
def _hub(options: argparse.Namespace) -> "Iterator[Discovery]":
    from desktop_llm.services.discovery import Discovery  # which loads what speaks HTTP
    from desktop_llm.services.network import Network

    network = Network(resolve_folders(options.data_dir))
    hub = Discovery(network)
    try:
        yield hub
    finally:
        hub.close()
        network.close()


def run_import(options: argparse.Namespace) -> int:
    library = _library(options)
    if options.offers or not options.path:
        offers = library.files.offered()
        if options.json:
            print(json.dumps([asdict(place) for place in offers], ensure_ascii=False))
        for place in () if options.json else offers:
            print(f"{place.app}\t{place.path}")
        return 0
    apps = {place.path: place.app for place in known_places()}
    counts = {}
    for path in options.path:
        absolute = path.expanduser().absolute()
        counts[str(absolute)] = library.link(absolute, apps.get(str(absolute), ""))
    _try_templates(library)
    if options.json:
        print(json.dumps(counts, ensure_ascii=False))
        return 0
    for path, count in counts.items():
        words = counted(
            "{number} model is used from there.", "{number} models are used from there.", count
        )
        print(f"{path}\t{words}")
    return 0


def _try_templates(library: ModelLibrary) -> None:
    """Of models that are new: a template that is of no use is said before anybody relies on it."""
    from desktop_llm.services.templates import Templates, needs_check

    new = [model for model, fault in library.all() if fault is None and needs_check(model)]
    if not new:
        return
    from desktop_llm.engine.client import EngineClient

    engine = EngineClient()
    try:
        templates = Templates(library, engine)
        for model in new:
            if fault := templates.check(model):
                words = _("The chat template of “{name}” is of no use ({reason}): a general one is "
                          "used.")  # fmt: skip
                said = words.format(name=model.name, reason=fault)
                print(f"desktop-llm: {said}", file=sys.stderr)
    finally:
        engine.close()


def run_verify(options: argparse.Namespace) -> int:
    model = _library(options).find(options.name)
    with job_service(options) as service:
        spec = CheckSpec.of(model).to_values()
        job = follow(service, service.add(JobKind.CHECK, model.name, spec).id, sys.stderr)
    if not options.json and not any(file["compared"] for file in job.result["files"]):
        said = _("No hash was known of it until now; what was found is remembered.")
        print(f"desktop-llm: {said}", file=sys.stderr)
    _print_files(job, options.json)
    return 0


def run_bench(options: argparse.Namespace) -> int:
    model = _library(options).find(options.name)
    history = SpeedHistory(resolve_folders(options.data_dir).models)
    if not options.history:
        with job_service(options) as service:
            job = service.add(JobKind.BENCH, model.name, {"path": model.path})
            follow(service, job.id, sys.stderr)
    found = history.all(model.path)[: None if options.history else 1]
    if options.json:
        print(json.dumps([measured.to_values() for measured in found], ensure_ascii=False))
        return 0
    for measured in found:
        about = f"{measured.program}, {measured.threads}"
        print("\t".join((when_words(measured), measured_words(measured), about)))
    return 0


def run_optimise(options: argparse.Namespace) -> int:
    from desktop_llm.services.optimisation import adopt, candidates, discard, is_there, left_out

    library, folders = _library(options), resolve_folders(options.data_dir)
    model = library.find(options.name)
    with job_service(options) as service:
        if options.adopt or options.discard:
            jobs = [job for job in service.all() if job.kind == JobKind.OPTIMISE
                    and job.spec.get("path") == model.path]  # fmt: skip
        else:
            job = service.add(JobKind.OPTIMISE, model.name, {"path": model.path})
            jobs = [follow(service, job.id, sys.stderr)]
    found = [one for job in jobs for one in candidates(job)]
    waiting = [one for one in found if is_there(one)]
    if options.discard:
        for one in waiting:
            discard(folders.models, one)
        return 0
    if options.adopt:
        chosen = [one for one in waiting if one.after.quantization == options.adopt.upper()]
        if not chosen:
            names = ", ".join(one.after.quantization for one in waiting) or "-"
            raise EnvironmentFault(
                FaultCode.NO_SUCH_QUANTIZATION, path=model.name, name=options.adopt, names=names
            )
        path = adopt(library, folders.models, chosen[0])
        print(json.dumps({"path": str(path)}, ensure_ascii=False) if options.json else path)
        return 0
    if options.json:
        values = [_candidate_values(one) for one in found]
        print(json.dumps(values, ensure_ascii=False))
        return 0
    for at, one in enumerate(found):
        if not at:
            print(f"{one.before.quantization}\t{measured_words(one.before)}")
        print(f"{one.after.quantization}\t{measured_words(one.after)}\t{verdict_words(one)}")
    print(outcome_words(found))
    for said in (left_out_words(left_out(job)) for job in jobs):
        if said:
            print(said)
    if waiting:
        said = _("Take one with --adopt FORMAT, or delete them with --discard.")
        print(f"desktop-llm: {said}", file=sys.stderr)
    return 0


def _candidate_values(one: "Candidate") -> dict[str, Any]:
    return {
        "before": one.before.to_values(), "after": one.after.to_values(), "reads": one.reads,
        "writes": one.writes, "costs": one.costs, "passes": one.passes,
    }  # fmt: skip


def run_remove(options: argparse.Namespace) -> int:
    library = _library(options)
    model = _any_model(library, options.name)
    removal = library.files.removal(model)
    if not options.yes and not removal.only_link:
        words = _("Delete “{name}” and free {size}? [y/N] ")
        asked = words.format(name=model.name, size=size_words(removal.frees))
        print(asked, end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes", "是"):
            return 1
    library.files.remove(model)
    if options.json:
        files = [str(file) for file in removal.files]
        print(json.dumps({"files": files, "freed": removal.frees}, ensure_ascii=False))
    elif removal.only_link:
        print(_("“{name}” is no longer used; its file stays.").format(name=model.name))
    else:
        words = _("“{name}” is deleted; {size} are free now.")
        print(words.format(name=model.name, size=size_words(removal.frees)))
    return 0


def _library(options: argparse.Namespace) -> ModelLibrary:
    return ModelLibrary(Library(resolve_folders(options.data_dir)))


def _any_model(library: ModelLibrary, name: str) -> InstalledModel:
    """Also one that cannot be used: it is to be removed."""
    for model, _fault in library.all():
        if name in (model.name, model.path):
            return model
    raise EnvironmentFault(FaultCode.MODEL_MISSING, path=name)


def _values(model: InstalledModel, fault: EnvironmentFault | None) -> dict[str, Any]:
    code = None if fault is None else {"code": fault.code.value, **fault.data}
    return asdict(model) | {"fault": code}


def _print_files(job: Job, as_json: bool) -> None:
    files = job.result.get("files", [])
    if as_json:
        print(json.dumps({"id": job.id, "files": files}, ensure_ascii=False))
        return
    for file in files:
        print(f"{file['path']}\t{file['sha256']}")


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
