"""Models to be had, at work: the catalogue, searches of the Hub, what one offers, and fetching it.

One question is on its way at a time; a newer one, or Cancel, ends it. Nothing is asked of the Hub
that a person has not asked for.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices

from desktop_llm.core.catalogue import (
    CatalogueModel,
    ModelTask,
    Recommendation,
    matching,
    recommended,
    weights_rate,
)
from desktop_llm.core.errors import DesktopLlmError, EnvironmentFault, FaultCode
from desktop_llm.core.hub import FoundModel, RepoInfo, download_spec, preferred
from desktop_llm.core.jobs import JobKind
from desktop_llm.core.models import LoadOptions
from desktop_llm.core.settings import Language, Settings
from desktop_llm.services.catalogue import catalogue
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.models.discover import FileOffer, Offer
from desktop_llm.ui.workspace import Page, Workspace
from desktop_llm.words import _, counted, current_language
from desktop_llm.words.amounts import size_words
from desktop_llm.words.discover import fit_sentence, reason_words, spoken_words, task_words
from desktop_llm.words.models import count_words

if TYPE_CHECKING:
    from desktop_llm.services.bundle import Services
    from desktop_llm.services.discovery import Discovery
    from desktop_llm.ui.pages.discover import DiscoverPage, Wanted

T = TypeVar("T")
MOST_FOUND = 50
TAGS = {
    ModelTask.CHAT: "text-generation",
    ModelTask.TRANSLATION: "translation",
    ModelTask.EMBEDDING: "feature-extraction",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Details:
    info: RepoInfo
    files: list[FileOffer]
    card: str  # HTML
    fault: EnvironmentFault | None  # of its header: the rest is known


class DiscoverCare(QObject):
    job_begun = Signal()

    def __init__(
        self,
        workspace: Workspace,
        bridge: Bridge,
        services: "Callable[[], Services | None]",
        settings: Callable[[], Settings],
        go_online: Callable[[], object],
    ) -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self._bridge = bridge
        self._services = services
        self._settings = settings
        self._go_online = go_online
        self._page: DiscoverPage | None = None
        self._asked = 0
        self._open: Discovery | None = None  # that is being asked
        self._free: int | None = None  # bytes of memory
        self._rate = 0.0  # bytes of weights a second
        self._here: frozenset[str] = frozenset()  # hashes of the models of this computer
        self._found: list[FoundModel] | None = None  # of the last search; None: the catalogue
        self._details: dict[str, _Details] = {}

    def connect_page(self, page: "DiscoverPage") -> None:
        self._page = page
        page.narrowed.connect(self._narrow)
        page.search_wanted.connect(self._search)
        page.chosen_changed.connect(self._choose)
        page.details_wanted.connect(self._ask_details)
        page.download_wanted.connect(self._download)
        page.page_wanted.connect(self._open_page)
        page.cancel_wanted.connect(self.cancel)
        page.back_wanted.connect(lambda: self._workspace.show_page(Page.MODELS))

    def refresh(self) -> None:
        """How much memory is free, and what is here already, may have changed."""
        services = self._services()
        if services is None or self._page is None or self._workspace.page is not Page.DISCOVER:
            return

        def look() -> tuple[int, float, frozenset[str]]:
            from desktop_llm.engine.memory import free_memory

            models = [model for model, _fault in services.models.library.all()]
            rate = weights_rate(models, os.cpu_count() or 1)
            here = frozenset(model.sha256 for model in models if model.sha256)
            return free_memory(services.engine.worker_pid), rate, here

        def show(found: tuple[int, float, frozenset[str]]) -> None:
            self._free, self._rate, self._here = found
            self._show_offers()

        self._bridge.run(look, show, self._fail)

    def cancel(self) -> None:
        """Whatever is being asked."""
        self._asked += 1
        opened, self._open = self._open, None
        if opened is not None:
            opened.close()
        if self._page is not None:
            self._page.show_busy("")

    # --- the list --------------------------------------------------------------------------------

    def _narrow(self, _wanted: "Wanted") -> None:
        """While a person types or chooses: the catalogue again."""
        if self._found is not None:
            self._found = None
        self._show_offers()

    def _show_offers(self) -> None:
        page = self._page
        if page is None:
            return
        if self._found is not None:
            page.show_offers([Offer(found=one, free=self._free) for one in self._found])
        else:
            page.show_offers(self._known(page.wanted()))

    def _known(self, wanted: "Wanted") -> list[Offer]:
        """The recommended ones first, then by size."""
        models = [
            each
            for each in matching(catalogue(), wanted.words, wanted.task, wanted.language)
            if wanted.licence in ("", each.licence)
        ]
        first: list[Offer] = []
        if self._free is not None and not wanted.words:
            language = wanted.language or ("zh" if current_language() is Language.CHINESE else "en")
            for task in ModelTask if wanted.task is None else [wanted.task]:
                found = recommended(models, self._free, language, task, self._rate)
                if found is not None:
                    first.append(self._offer(found.model, found))
        named = {offer.repo for offer in first}
        rest = [self._offer(each) for each in models if each.repo not in named]
        return [*first, *sorted(rest, key=lambda offer: offer.known.size if offer.known else 0)]

    def _offer(self, model: CatalogueModel, found: Recommendation | None = None) -> Offer:
        rate = model.rate(self._rate) if self._rate else None
        return Offer(known=model, recommended=found, free=self._free, rate=rate)

    def _search(self, wanted: "Wanted") -> None:
        tags = [TAGS[wanted.task]] if wanted.task is not None else []
        tags += [wanted.language] if wanted.language else []
        tags += [f"license:{wanted.licence}"] if wanted.licence else []

        def ask(hub: "Discovery") -> list[FoundModel]:
            return hub.search(wanted.words, wanted.sort, MOST_FOUND, tags)

        def show(found: list[FoundModel]) -> None:
            self._found = found
            self._show_offers()

        self._ask(ask, show, lambda: self._search(wanted))

    # --- one of them -----------------------------------------------------------------------------

    def _choose(self, offer: Offer) -> None:
        page = self._page
        assert page is not None
        if (known := self._details.get(offer.repo)) is not None:
            self._show_details(offer, known)
            return
        facts, sentence = self._facts(offer), ""
        if offer.known is not None and self._free is not None:
            needed = offer.known.rough_memory
            if offer.recommended is not None:
                sentence = reason_words(offer.recommended)
            else:
                context = self._settings().context_length
                sentence = fit_sentence(offer.fit, needed, self._free, context)
        here = offer.known is not None and offer.known.sha256 in self._here
        notice = "" if not here else _("It is on this computer already.")
        page.show_details(offer.title, sentence, notice, facts)
        if offer.found is not None:
            self._ask_details(offer)  # the search has asked already, by the person's wish

    def _facts(self, offer: Offer) -> list[tuple[str, str]]:
        facts = [(_("Comes from"), offer.repo)]
        if (known := offer.known) is not None:
            facts += [
                (_("For"), ", ".join(task_words(task) for task in known.tasks)),
                (_("Parameters"), count_words(known.parameters)),
                (_("Languages"), spoken_words(known.languages)),
                (_("Licence"), known.licence),
                (_("File"), known.file),
                (_("Size"), size_words(known.size)),
            ]
        elif (found := offer.found) is not None:
            likes = counted("{number} like", "{number} likes", found.likes)
            downloads = counted("{number} download", "{number} downloads", found.downloads)
            facts += [(_("Licence"), found.licence), (_("Known for"), f"{downloads}, {likes}")]
        return [(name, value) for name, value in facts if value]

    def _ask_details(self, offer: Offer) -> None:
        services, repo = self._services(), offer.repo
        options = LoadOptions(context_length=self._settings().context_length)
        here, weights = self._here, self._rate

        def ask(hub: "Discovery") -> _Details:
            from desktop_llm.rendering.html import to_html
            from desktop_llm.rendering.markdown import parse

            info, offered = hub.offers(repo)
            memory, fault = hub.memory(info, offered, options)
            usual, free = preferred(offered), None
            writes = TAGS[ModelTask.EMBEDDING] not in info.tags
            if services is not None:
                from desktop_llm.engine.memory import free_memory

                free = free_memory(services.engine.worker_pid)
            files = [
                FileOffer(
                    quantization=each, needed=memory(each), free=free, usual=each is usual,
                    rate=weights / each.size if weights and each.size and writes else None,
                    here=each.files[0].sha256 in here,
                )
                for each in offered
            ]  # fmt: skip
            card = ""
            with suppress(EnvironmentFault):  # its files are of more use than its words
                card = to_html(parse(hub.card(info)))
            return _Details(info=info, files=files, card=card, fault=fault)

        def show(found: _Details) -> None:
            self._details[repo] = found
            page = self._page
            if page is not None and (chosen := page.chosen()) and chosen.repo == repo:
                self._show_details(chosen, found)

        self._ask(ask, show, lambda: self._ask_details(offer))

    def _show_details(self, offer: Offer, found: _Details) -> None:
        page = self._page
        assert page is not None
        facts = [
            *self._facts(offer),
            (_("Languages"), spoken_words(found.info.languages)) if offer.found else ("", ""),
            (_("Revision"), found.info.revision[:12]),
        ]
        notice = ""
        if found.fault is not None:
            from desktop_llm.words.faults import word_fault

            notice = str(word_fault(found.fault))
        elif found.info.gated:
            notice = _("Its makers ask that you accept their licence on its page first; the "
                       "download needs your access token then.")  # fmt: skip
        elif not found.files:
            notice = _("It has no GGUF file that could be used here.")
        page.show_details(offer.title, "", notice, [fact for fact in facts if fact[1]])
        page.show_files(found.files, found.card)

    def _open_page(self, offer: Offer) -> None:
        from desktop_llm.services.catalogue import hub_address

        if self._settings().offline:
            fault = EnvironmentFault(FaultCode.OFFLINE, host=offer.repo)
            self._fail(fault)
            return
        QDesktopServices.openUrl(QUrl(f"{hub_address()}/{offer.repo}"))

    # --- fetching it -----------------------------------------------------------------------------

    def _download(self, offer: Offer, file: FileOffer | None) -> None:
        services, details = self._services(), self._details.get(offer.repo)
        if services is None:
            return
        known = offer.known

        def begin() -> str:
            from desktop_llm.services.network import Network

            endpoint = Network(services.folders).endpoint
            if file is not None and details is not None:
                spec = download_spec(endpoint, details.info, file.quantization.files)
            else:
                assert known is not None
                spec = known.download_spec(endpoint)
            services.jobs.add(JobKind.DOWNLOAD, spec.title, spec.to_values())
            return spec.title

        def begun(title: str) -> None:
            self.job_begun.emit()
            words = _("“{name}” is being downloaded.")
            if self._settings().offline:
                words = _("“{name}” waits until the offline switch is off.")
            show = (_("Show"), lambda: self._workspace.show_page(Page.JOBS))
            self._workspace.toasts.show(words.format(name=title), *show)

        self._bridge.write(begin, begun, self._fail)

    # --- asking ----------------------------------------------------------------------------------

    def _ask(
        self,
        work: "Callable[[Discovery], T]",
        show: Callable[[T], object],
        again: Callable[[], object],
    ) -> None:
        services, page = self._services(), self._page
        if services is None or page is None:
            return
        self.cancel()
        nth = self._asked
        page.show_fault(None)
        if self._settings().offline:  # also before the file of the settings says so
            self._fail(EnvironmentFault(FaultCode.OFFLINE, host=_("the Hub")))
            return
        page.show_busy(_("Asking the Hub …"))

        def ask() -> T:
            from desktop_llm.services.discovery import Discovery
            from desktop_llm.services.network import Network

            network = Network(services.folders)
            hub = Discovery(network)
            if nth == self._asked:
                self._open = hub
            try:
                return work(hub)
            finally:
                hub.close()
                network.close()

        def came(result: T) -> None:
            if nth == self._asked:
                self._open = None
                page.show_busy("")
                show(result)

        def failed(fault: DesktopLlmError) -> None:
            if nth != self._asked:
                return
            self._open = None
            page.show_busy("")
            self._fail(fault, again)

        self._bridge.detached(ask, came, failed)

    def _fail(self, fault: DesktopLlmError, again: Callable[[], object] | None = None) -> None:
        page = self._page
        if page is None:
            return
        actions: list[tuple[str, Callable[[], object]]] = []
        if fault.code is FaultCode.OFFLINE:
            actions.append((_("Go online"), self._go_online))
        elif fault.code in (FaultCode.HUB_TOKEN, FaultCode.HUB_GATED, FaultCode.PROXY_FAILED,
                            FaultCode.CERTIFICATE_REFUSED):  # fmt: skip
            settings = (_("Settings"), lambda: self._workspace.show_page(Page.SETTINGS))
            actions.append(settings)
        if again is not None:
            actions.append((_("Try again"), again))
        page.show_fault(fault, *actions)
