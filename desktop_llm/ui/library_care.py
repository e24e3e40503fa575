"""The page of models at work: what there is, what is linked, what is checked and removed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog
from shiboken6 import isValid

from desktop_llm.core.downloads import DownloadSpec
from desktop_llm.core.errors import DesktopLlmError
from desktop_llm.core.jobs import JobKind
from desktop_llm.core.models import InstalledModel, ModelSettings
from desktop_llm.core.settings import Settings
from desktop_llm.storage.library import Removal
from desktop_llm.storage.model_places import Place
from desktop_llm.ui.bridge import Bridge
from desktop_llm.ui.optimise_care import OptimiseCare
from desktop_llm.ui.workspace import Page, Workspace
from desktop_llm.words import _, counted
from desktop_llm.words.amounts import size_words

if TYPE_CHECKING:
    from desktop_llm.core.engine import RenderedPrompt
    from desktop_llm.core.gguf import Header
    from desktop_llm.services.bundle import Services
    from desktop_llm.services.model_library import Surveyed
    from desktop_llm.services.templates import Templates
    from desktop_llm.ui.pages.load_dialog import Machine
    from desktop_llm.ui.pages.models import ModelsPage
    from desktop_llm.ui.pages.template_dialog import TemplateDialog


class LibraryCare(QObject):
    changed = Signal()  # models have come or gone
    job_begun = Signal()

    def __init__(
        self,
        workspace: Workspace,
        bridge: Bridge,
        services: "Callable[[], Services | None]",
        use: Callable[[str], object],
        settings: Callable[[], Settings],
    ) -> None:
        """`use`: a model's name, for the conversation that is shown."""
        super().__init__(workspace)
        self._workspace = workspace
        self._bridge = bridge
        self._services = services
        self._use = use
        self._settings = settings
        self._page: ModelsPage | None = None
        self._asked = 0
        self._tried: set[str] = set()  # paths of models whose template was tried out

    def connect_page(self, page: "ModelsPage") -> None:
        self._page = page
        page.use_wanted.connect(self._use_in_chat)
        page.show_wanted.connect(self._show_file)
        page.check_wanted.connect(self._check)
        page.newer_wanted.connect(self._ask_newer)
        page.loading_wanted.connect(self._set_loading)
        page.template_wanted.connect(self._show_template)
        self._optimise = OptimiseCare(
            self._workspace, self._bridge, self._services, page.show_fault
        )
        self._optimise.job_begun.connect(self.job_begun)
        self._optimise.changed.connect(self._after_change)
        page.speed_wanted.connect(self._optimise.open)
        page.removal_wanted.connect(self._ask_removal)
        page.remove_confirmed.connect(self._remove)
        page.file_wanted.connect(self.choose_file)
        page.folder_wanted.connect(self.choose_folder)
        page.find_wanted.connect(lambda: self._workspace.show_page(Page.DISCOVER))
        page.place_wanted.connect(lambda place: self.link(Path(place.path), place.app))
        page.unlink_wanted.connect(self._unlink)
        page.links_wanted.connect(self._show_links)

    def refresh(self) -> None:
        services, page = self._services(), self._page
        if services is None or page is None or self._workspace.page is not Page.MODELS:
            return
        self._asked += 1
        nth = self._asked

        def look() -> "tuple[Surveyed, str]":
            loaded = services.engine.model
            return services.models.library.all(), "" if loaded is None else loaded.path

        def show(found: "tuple[Surveyed, str]") -> None:
            if nth == self._asked:
                page.show_models(*found)
                self._check_templates(found[0])

        self._bridge.run(look, show, page.show_fault)

    # --- links -----------------------------------------------------------------------------------

    def choose_file(self) -> None:
        dialog = QFileDialog(self._workspace, _("Use a model file"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilters([_("Models (*.gguf)"), _("All files (*)")])
        dialog.filesSelected.connect(self._link_all)
        dialog.open()

    def _link_all(self, names: list[str]) -> None:
        for name in names:
            self.link(Path(name))

    def choose_folder(self) -> None:
        dialog = QFileDialog(self._workspace, _("Use the models of a folder"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda name: self.link(Path(name)))
        dialog.open()

    def link(self, path: Path, app: str = "") -> None:
        """Use a file or a folder where it lies; a file that is no model is refused."""
        services, page = self._services(), self._page
        if services is None or page is None:
            return

        def add() -> int:
            return services.models.library.link(path, app)

        def added(count: int) -> None:
            words = counted(
                "{number} model is used from there.", "{number} models are used from there.", count
            )
            self._workspace.toasts.show(words, _("Undo"), lambda: self._unlink(str(path)))
            self._after_change()

        self._bridge.write(add, added, page.show_fault)

    def _unlink(self, path: str) -> None:
        services, page = self._services(), self._page
        if services is not None and page is not None:
            library = services.models.library.files
            self._bridge.write(
                lambda: library.unlink(path), lambda _done: self._after_change(), page.show_fault
            )

    def _show_links(self) -> None:
        services, page = self._services(), self._page
        if services is None or page is None:
            return
        library = services.models.library.files

        def look() -> tuple[list[Place], list[str]]:
            return library.offered(), [link.path for link in library.file.known().links]

        self._bridge.run(look, lambda found: page.show_links(*found), page.show_fault)

    # --- one model -------------------------------------------------------------------------------

    def _use_in_chat(self, model: InstalledModel) -> None:
        self._use(model.name)
        self._workspace.show_page(Page.CHAT)

    def _show_file(self, model: InstalledModel) -> None:
        path = Path(model.path)
        folder = path if path.suffix.lower() != ".gguf" and not model.files else path.parent
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def _check(self, model: InstalledModel) -> None:
        services, page = self._services(), self._page
        if services is None or page is None:
            return

        def begin() -> None:
            from desktop_llm.services.verification import CheckSpec

            spec = CheckSpec.of(model).to_values()
            services.jobs.add(JobKind.CHECK, model.name, spec)

        def begun(_nothing: None) -> None:
            self.job_begun.emit()
            look = (_("Show"), lambda: self._workspace.show_page(Page.JOBS))
            self._workspace.toasts.show(_("“{name}” is being checked.").format(name=model.name),
                                        *look)  # fmt: skip

        self._bridge.write(begin, begun, page.show_fault)

    def _set_loading(self, model: InstalledModel) -> None:
        services, page = self._services(), self._page
        if services is None or page is None:
            return

        def look() -> "tuple[Header, Machine]":
            import psutil

            from desktop_llm.engine.memory import free_memory
            from desktop_llm.services.diagnostics import processor_features
            from desktop_llm.ui.pages.load_dialog import Machine

            engine = services.engine
            if engine.hello is None:
                engine.status().result()  # then there is a worker to say what it has
            hello = engine.hello
            machine = Machine(
                threads=psutil.cpu_count() or 1,
                free=free_memory(engine.worker_pid, loading=model.path),
                features=processor_features(hello.system) if hello else (),
                offloads=bool(hello and hello.offloads),
            )
            return services.models.library.header(model.path), machine

        def show(found: "tuple[Header, Machine]") -> None:
            from desktop_llm.services.models import load_options
            from desktop_llm.ui.pages.load_dialog import LoadDialog

            header, machine = found
            usual = load_options(self._settings())
            dialog = LoadDialog(model, header, usual, machine, self._workspace)
            template = model.settings.template
            dialog.kept.connect(
                lambda settings: self._keep_loading(model, replace(settings, template=template))
            )
            dialog.open()

        self._bridge.run(look, show, page.show_fault)

    def _show_template(self, model: InstalledModel) -> None:
        services, page = self._services(), self._page
        if services is None or page is None:
            return

        def look() -> "tuple[Templates, str]":
            from desktop_llm.services.templates import Templates

            templates = Templates(services.models.library, services.engine)
            return templates, templates.own(model)

        def show(found: "tuple[Templates, str]") -> None:
            from desktop_llm.ui.pages.template_dialog import TemplateDialog

            templates, own = found
            dialog = TemplateDialog(model, own, self._workspace)
            previews = _Previews(dialog, self._bridge, templates, page.show_fault)
            dialog.preview_wanted.connect(lambda source: previews.want(source))  # keeps them
            dialog.kept.connect(
                lambda source: self._keep_loading(
                    model, replace(model.settings, template=source or None)
                )
            )
            dialog.open()

        self._bridge.run(look, show, page.show_fault)

    def _check_templates(self, models: "Surveyed") -> None:
        """Those that were never tried out, once each while the window is open."""
        from desktop_llm.services.templates import Templates, needs_check

        services, page = self._services(), self._page
        new = {model.path for model, fault in models if fault is None and needs_check(model)}
        if services is None or page is None or new <= self._tried:
            return
        self._tried |= new
        templates = Templates(services.models.library, services.engine)
        self._bridge.run(templates.check_new, lambda _count: self.refresh(), page.show_fault)

    def _keep_loading(self, model: InstalledModel, settings: ModelSettings) -> None:
        services, page = self._services(), self._page
        if services is None or page is None:
            return

        def kept(_nothing: None) -> None:
            words = _("“{name}” is loaded like this from its next reply on.")
            self._workspace.toasts.show(words.format(name=model.name))
            self._after_change()

        library = services.models.library
        self._bridge.write(lambda: library.set(model.path, settings), kept, page.show_fault)

    def _ask_newer(self, model: InstalledModel) -> None:
        services, page = self._services(), self._page
        if services is None or page is None:
            return

        def ask() -> DownloadSpec | None:
            from desktop_llm.services.discovery import Discovery
            from desktop_llm.services.network import Network

            network = Network(services.folders)
            hub = Discovery(network)
            try:
                return hub.newer(model)
            finally:
                hub.close()
                network.close()

        def told(spec: DownloadSpec | None) -> None:
            if spec is None:
                words = _("“{name}” is the newest there is.")
                self._workspace.toasts.show(words.format(name=model.name))
                return
            words = _("There is a newer version of “{name}”: {size}.")
            said = words.format(name=model.name, size=size_words(spec.size))
            self._workspace.toasts.show(said, _("Download"), lambda: self._fetch(spec))

        self._workspace.toasts.show(_("Asking the Hub …"))
        self._bridge.detached(ask, told, page.show_fault)

    def _fetch(self, spec: DownloadSpec) -> None:
        services, page = self._services(), self._page
        if services is not None and page is not None:
            self._bridge.write(
                lambda: services.jobs.add(JobKind.DOWNLOAD, spec.title, spec.to_values()),
                lambda _job: self.job_begun.emit(),
                page.show_fault,
            )

    def _ask_removal(self, model: InstalledModel) -> None:
        services, page = self._services(), self._page
        if services is None or page is None:
            return
        library = services.models.library.files

        def ask(removal: Removal) -> None:
            if removal.only_link:
                self._remove(model)  # nothing is lost
                return
            words = _("Delete “{name}”?").format(name=model.name)
            about = counted(
                "{number} file is deleted for good, and {{size}} are free then.",
                "{number} files are deleted for good, and {{size}} are free then.",
                len(removal.files),
            )
            page.ask_removal(model, words, about.format(size=size_words(removal.frees)))

        self._bridge.run(lambda: library.removal(model), ask, page.show_fault)

    def _remove(self, model: InstalledModel) -> None:
        services, page = self._services(), self._page
        if services is None or page is None:
            return

        def removed(removal: Removal) -> None:
            if removal.only_link:
                words = _("“{name}” is no longer used; its file stays.").format(name=model.name)
                again = (_("Undo"), lambda: self.link(Path(model.path), model.app))
                self._workspace.toasts.show(words, *again)
            else:
                words = _("“{name}” is deleted; {size} are free now.")
                size = size_words(removal.frees)
                self._workspace.toasts.show(words.format(name=model.name, size=size))
            self._after_change()

        self._bridge.write(lambda: services.models.remove(model), removed, page.show_fault)

    def _after_change(self) -> None:
        self.refresh()
        self.changed.emit()


class _Previews:
    """Of what is written in the dialog: one is rendered at a time (the engine may be at a reply),
    and of those that come meanwhile only the newest waits.
    """

    def __init__(
        self,
        dialog: "TemplateDialog",
        bridge: Bridge,
        templates: "Templates",
        fail: Callable[[DesktopLlmError], object],
    ) -> None:
        self._dialog = dialog
        self._bridge = bridge
        self._templates = templates
        self._fail = fail
        self._busy = False
        self._next: str | None = None

    def want(self, source: str) -> None:
        self._next = source
        if not self._busy:
            self._begin()

    def _begin(self) -> None:
        source, self._next = self._next, None
        if source is None or not isValid(self._dialog):
            return
        self._busy = True

        def came(shown: "RenderedPrompt") -> None:
            self._busy = False
            if isValid(self._dialog):
                self._dialog.show_preview(source, shown)
            self._begin()

        def failed(fault: DesktopLlmError) -> None:
            self._busy = False
            self._fail(fault)

        self._bridge.run(lambda: self._templates.render(source), came, failed)
