"""Pictures of the real program with the starter model, in both themes and languages.

Runs under Xvfb (started here where there is no screen) and writes `docs/images/*.png`:

    screenshots.py [--out FOLDER] [--size WIDTHxHEIGHT] [--scenes chat,settings,…]
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
SCENES = ("welcome", "new", "chat", "settings", "palette", "backups", "guide", "models",
          "tools", "tables")  # fmt: skip
QUESTIONS = (  # in the one language the starter model knows
    "Why is the sky blue? Answer in two sentences.",
    "Write a Python function that adds two numbers, in a code block.",
)
DOCUMENT = (
    """# Minutes of 3 March

The unicorn was seen again, at the old harbour of Zanzibar.

"""
    + "The sea was wide and calm, and the crew spoke of the weather. " * 300
)
TOLD = (
    "In 2019 the town of Lindau opened a new bridge over the river. It cost 14 million euros and "
    "took three years too build. The mayor, Anna Berg, said that traffic have fallen by a third. "
    "Some residents complained about the noise during construction."
)
REVIEWS = (
    "I love this kettle: it boils in two minutes.", "It broke after a week. Never again.",
    "The parcel came on Tuesday.", "Great value, and it looks good in the kitchen!",
    "Far too loud, and the lid leaks.", "Does what it should.", "The best one I have had in years.",
    "I sent it back and am still waiting for my money.", "Nice colour, but the cable is short.",
    "My mother is delighted with it.",
)  # fmt: skip
THOUGHTFUL = """<think>A table and a formula are wanted.</think>
The **scattering** of light follows $I \\propto \\lambda^{-4}$, as Lord Rayleigh showed.[^1]

| Colour | Wavelength | Scattered |
|---|---:|:---:|
| red | 700 nm | little |
| blue | 450 nm | much |

- [x] read the chapter
- [ ] solve the exercise

```python
def intensity(wavelength: float) -> float:
    return (550 / wavelength) ** 4
```

[^1]: In 1871.
"""
LOOKS = [("light", "en"), ("dark", "en"), ("light", "zh_CN"), ("dark", "zh_CN")]
GUIDE_LOOKS = [("light", "en"), ("dark", "zh_CN")]
REPLY_SECONDS = 240


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=IMAGES)
    parser.add_argument("--size", default="1100x760")
    parser.add_argument("--scenes", default=",".join(SCENES))
    parser.add_argument("--look", nargs=2, metavar=("THEME", "LANGUAGE"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.look:
        width, height = map(int, options.size.split("x"))
        Camera(options.out, *options.look, width, height).take(options.scenes.split(","))
        return 0
    if "DISPLAY" not in os.environ:
        runner = shutil.which("xvfb-run")
        if runner is None:
            print("Install xvfb and fonts-noto-cjk first: sudo apt-get install xvfb fonts-noto-cjk")
            return 1
        screen = ["-a", "-s", "-screen 0 3840x2160x24"]
        command = [runner, *screen, sys.executable, *sys.argv]
        return subprocess.run(command, check=False).returncode
    for look in LOOKS:
        subprocess.run([sys.executable, *sys.argv, "--look", *look], check=True)
    return 0


class Camera:
    """One process a look: the language and the theme belong to the application."""

    def __init__(self, out: Path, theme: str, language: str, width: int, height: int) -> None:
        from PySide6.QtWidgets import QApplication

        self._out = out
        self._theme, self._language = theme, language
        self._size = (width, height)
        self._application = QApplication([])

    def take(self, scenes: list[str]) -> None:
        from desktop_llm.storage.paths import Folders
        from desktop_llm.storage.settings import SettingsFile
        from desktop_llm.ui.program import Program
        from desktop_llm.ui.workspace import Page

        with tempfile.TemporaryDirectory() as folder:
            folders = Folders(Path(folder) / "data", Path(folder) / "cache")
            folders.ensure()
            folders.settings_file.write_text(
                f'theme = "{self._theme}"\nlanguage = "{self._language}"\n', encoding="utf-8"
            )
            program = Program(self._application, folders, SettingsFile(folders.settings_file))
            window, workspace, page = program.window, program.workspace, program.workspace.chat
            window.resize(*self._size)
            self._wait(lambda: page.ready)
            self._shoot(window, "welcome", scenes)
            workspace.show_page(Page.CHAT)
            self._shoot(window, "new", scenes)
            if {"chat", "palette"} & set(scenes):
                for question in QUESTIONS:
                    ended: list[object] = []
                    page.shown.answered.connect(ended.append)
                    page.composer.set_text(question)
                    page.composer.button.click()
                    self._wait(lambda ended=ended: ended)
                self._wait(lambda: "MB" in workspace.status.text())
                self._shoot(window, "chat", scenes)
            if "guide" in scenes and (self._theme, self._language) in GUIDE_LOOKS:
                self._take_guide(program, Path(folder))
            if "models" in scenes and (self._theme, self._language) in GUIDE_LOOKS:
                self._take_models(program)
            if "tools" in scenes and (self._theme, self._language) in GUIDE_LOOKS:
                self._take_tools(program)
            if "tables" in scenes and (self._theme, self._language) in GUIDE_LOOKS:
                self._take_tables(program, Path(folder))
            workspace.show_page(Page.SETTINGS)
            self._shoot(window, "settings", scenes)
            workspace.show_page(Page.BACKUPS)
            self._settle()
            self._shoot(window, "backups", scenes)
            if "palette" in scenes:
                workspace.show_page(Page.CHAT)
                picker = workspace.open_palette()
                self._settle()
                picture = window.grab()
                picker.render(picture, window.mapFromGlobal(picker.pos()))
                self._save(picture, "palette")
                picker.close()
            program.close()

    def _take_guide(self, program: Any, folder: Path) -> None:
        """What the guide to the chat shows, in the order it tells of it."""
        from desktop_llm.core.corrections import Rating
        from desktop_llm.core.messages import Role
        from desktop_llm.core.presets import Parameters, Preset
        from desktop_llm.ui.actions import Command
        from desktop_llm.ui.workspace import Page

        window, workspace, page = program.window, program.workspace, program.workspace.chat
        chat = program.services.chat

        def shoot(scene: str) -> None:
            self._settle(16)
            self._save(window.grab(), scene)

        rich = chat._store.create("Waves and light", "smollm2-135m-instruct").id
        asked = chat._store.add(rich, Role.USER, "Explain scattering of light.", parent=None)
        reply = chat._store.add(
            rich, Role.ASSISTANT, THOUGHTFUL, parent=asked.id, model="smollm2-135m-instruct"
        )
        shorter = chat.edit_reply(reply, "Blue light is scattered *more* than red light.")
        chat.tree.show_version(reply.id)
        work = chat.organiser.create_folder("Physics", [rich])
        chat.organiser.tag([rich], add=["light", "exam"])
        chat.corrections.use([shorter.id], True)
        for name, heat in (("Sober", 0.2), ("Lively", 1.2)):
            values = Parameters(temperature=heat, max_tokens=60)
            chat.presets.save_preset(Preset(name=name, parameters=values))
        page.list.refresh()
        page.open(rich)
        self._wait(lambda: page.conversation == rich and not page.shown.opening and work)
        for key, scene in (("branches", "branches"), ("context", "context"),
                           ("parameters", "parameters"), ("prompts", "prompts")):  # fmt: skip
            page.side.open(key)
            self._settle(16)
            shoot(scene)
        page.side.close_panel()
        shoot("rich")
        path = folder / "minutes.md"
        path.write_text(DOCUMENT, encoding="utf-8")
        page.new_conversation()
        page.composer.set_text("Where was the unicorn seen?")
        page.attachments.attach_files([str(path)])
        self._wait(lambda: page.composer.attachments.chips and not page.attachments.reading)
        self._wait(lambda: any(digit in page.composer.gauge.text() for digit in "123456789"))
        shoot("attachments")
        self._answer(page, lambda: page.composer.button.click())
        page.side.open("reply")
        self._settle(16)
        shoot("reply")
        page.side.close_panel()
        page.compare.set_up()
        self._wait(lambda: page.compare.asks)
        for (_model, box), name in zip(page.view.setup._boxes, ("Sober", "Lively"), strict=True):
            box.setCurrentIndex(box.findText(name))
        page.composer.set_text("Give me three ideas for a rainy weekend.")
        page.composer.button.click()
        self._wait(lambda: len(getattr(page.compare._running, "replies", ())) == 2)
        shoot("compare")
        page.compare.choose(0)
        self._wait(lambda: page.compare._running is None)
        page.branches.rate(page.shown.branch[-1].id, Rating.GOOD)
        self._settle()
        workspace.toasts.clear()
        workspace.commands[Command.CORRECTIONS].trigger()
        shoot("corrections")
        workspace.show_page(Page.CHAT)
        workspace.commands[Command.PRIVATE].trigger()
        self._wait(lambda: page.private and page.ready)
        shoot("private")
        page.view.private_left.emit()
        self._wait(lambda: not page.private and page.ready)

    def _take_models(self, program: Any) -> None:
        """What the guide to models shows: the starter model again, from a stand-in of the Hub."""
        sys.path.insert(0, str(ROOT))
        from desktop_llm.core.downloads import DownloadSpec, RemoteFile
        from desktop_llm.core.jobs import JobKind, JobState
        from desktop_llm.storage.library import find_starter
        from desktop_llm.ui.workspace import Page
        from tests.fakes.hub import Hub, HubFile, HubRepo

        starter = find_starter()
        assert starter is not None
        jobs, workspace = program.services.jobs, program.workspace
        repo, name = "example/SmolLM2-135M-Instruct-GGUF", "SmolLM2-135M-Instruct-Q4_1.gguf"
        with Hub(HubRepo(repo, {name: HubFile(Path(starter.path))})) as hub:

            def begin(folder: str) -> int:
                file = hub.repos[repo].files[name]
                one = RemoteFile(
                    url=hub.address(repo, name), name=name, size=file.size, sha256=file.sha256
                )
                spec = DownloadSpec(folder=folder, files=(one,), source=repo).to_values()
                return int(jobs.add(JobKind.DOWNLOAD, name, spec).id)

            first = begin(repo)
            self._wait(lambda: jobs.get(first).state is JobState.DONE)
            hub.delay = 0.1
            second = begin("example/again")
            self._wait(lambda: jobs.get(second).progress.done > 40_000_000)
            workspace.show_page(Page.JOBS)
            self._settle(40)
            workspace.toasts.clear()
            self._settle(16)
            self._save(program.window.grab(), "jobs")
            jobs.cancel(second)
            self._wait(lambda: not jobs.runner_lives())
        workspace.show_page(Page.MODELS)
        self._settle(40)
        workspace.made(Page.MODELS).choose(jobs.get(first).result["files"][0]["path"])
        workspace.toasts.clear()
        self._settle(16)
        self._save(program.window.grab(), "models")
        self._take_dialogs(workspace, workspace.made(Page.MODELS))
        workspace.show_page(Page.DISCOVER)
        self._settle(40)
        self._save(program.window.grab(), "discover")
        self._take_connections(program)
        workspace.show_page(Page.CHAT)

    def _take_dialogs(self, workspace: Any, models: Any) -> None:
        """How a model is loaded, its template, other formats of it."""
        from PySide6.QtWidgets import QDialog

        def opened() -> Any:
            self._wait(lambda: workspace.findChildren(QDialog))
            return workspace.findChildren(QDialog)[-1]

        def take(scene: str, dialog: Any) -> None:
            self._settle(16)
            self._save(dialog.grab(), scene)
            dialog.reject()
            self._wait(lambda: not workspace.findChildren(QDialog))

        models.load_button.click()
        take("loading", opened())
        models.template_button.click()
        dialog = opened()
        self._wait(lambda: dialog.state.text())
        take("template", dialog)
        models.speed_button.click()
        dialog = opened()
        dialog.start_button.click()
        self._wait(lambda: dialog._state is not None and dialog._state.candidates)
        workspace.toasts.clear()
        take("faster", dialog)

    def _take_tools(self, program: Any) -> None:
        """What the guide to the text tools shows."""
        from desktop_llm.ui.pages.tool_editor import ToolEditor
        from desktop_llm.ui.workspace import Page

        window, workspace, chat = program.window, program.workspace, program.workspace.chat
        workspace.show_page(Page.TOOLS)
        page = workspace.made(Page.TOOLS)
        self._wait(lambda: page._buttons)
        for name, scene in (("summarise", "tool-summary"), ("proofread", "tool-changes")):
            page.source.setPlainText(TOLD)
            page.tool_chosen.emit(name)
            page.view.run_button.click()
            self._wait(lambda: page.view._outcome is not None)
            if page.view._outcome.said:
                page.view.result.chosen.emit(0)
            self._settle(16)
            self._save(window.grab(), scene)
        program._tools_care.manage()
        self._wait(lambda: window.findChildren(ToolEditor))
        editor = window.findChildren(ToolEditor)[-1]
        self._wait(lambda: editor.list.count())
        self._settle(16)
        self._save(editor.grab(), "tool-editor")
        editor.reject()
        workspace.show_page(Page.CHAT)
        chat.composer.set_text(TOLD)
        care = program._tools_care
        tool = next(each for each in care.tools if each.id == "rewrite")
        popup = care.use(tool, lambda: care.target_of(chat.composer.editor), {"style": "shorter"})
        self._wait(lambda: popup.view._outcome is not None)
        self._settle(16)
        self._save(window.grab(), "tool-popup")
        popup.close()
        chat.composer.clear()

    def _take_tables(self, program: Any, folder: Path) -> None:
        """A table that is set up, and what came of it."""
        from desktop_llm.ui.pages.table_results import TableResults
        from desktop_llm.ui.pages.table_setup import TableSetup

        path = folder / "reviews.csv"
        lines = ["id,review", *(f'{at},"{text}"' for at, text in enumerate(REVIEWS * 4, 1))]
        path.write_text("\n".join(lines), encoding="utf-8")
        workspace = program.workspace
        program._table_care.open(str(path))
        setup = workspace.findChildren(TableSetup)[-1]
        self._wait(setup.start_button.isEnabled)
        setup.preview_button.click()
        self._wait(setup.rows.rowCount)
        self._settle(16)
        self._save(setup.grab(), "table-setup")
        setup.start_button.click()
        self._wait(lambda: workspace.findChildren(TableResults))
        results = workspace.findChildren(TableResults)[-1]
        self._wait(lambda: results.rows.rowCount() and results.bar.isHidden())
        results.doubted.click()
        self._wait(lambda: results.rows.row_at(0))
        self._settle(16)
        self._save(results.grab(), "table-results")
        results.close()
        self._wait(lambda: not program.services.jobs.runner_lives())
        workspace.toasts.clear()

    def _take_connections(self, program: Any) -> None:
        from desktop_llm.core.network import Contact, Why
        from desktop_llm.storage.ledger import Ledger
        from desktop_llm.ui.workspace import Page

        ledger, now = Ledger(program._folders.logs), time.time()
        ledger.clear()
        for ago, host, why, what, status, received in (
            (500, "huggingface.co", Why.SEARCH, "qwen3", 200, 43_210),
            (470, "huggingface.co", Why.FILES, "Qwen/Qwen3-4B-GGUF", 200, 9_321),
            (465, "huggingface.co", Why.HEADER, "Qwen3-4B-Q4_K_M.gguf", 206, 6_291_456),
            (300, "cas-bridge.xethub.hf.co", Why.DOWNLOAD, "Qwen3-4B-Q4_K_M.gguf", 206,
             2_497_280_256),
        ):  # fmt: skip
            ledger.record(
                Contact(
                    host=host, why=why.value, what=what, status=status, received=received,
                    time=now - ago,
                )
            )  # fmt: skip
        program.workspace.show_page(Page.CONNECTIONS)
        self._settle(40)
        self._save(program.window.grab(), "connections")
        ledger.clear()

    def _answer(self, page: Any, ask: Callable[[], object]) -> None:
        ended: list[object] = []
        page.shown.answered.connect(ended.append)
        ask()
        self._wait(lambda: ended)
        page.shown.answered.disconnect(ended.append)

    def _shoot(self, window: object, scene: str, scenes: list[str]) -> None:
        if scene in scenes:
            self._settle()
            self._save(window.grab(), scene)  # type: ignore[attr-defined]

    def _save(self, picture: object, scene: str) -> None:
        path = self._out / f"{scene}-{self._theme}-{self._language}.png"
        if not picture.save(str(path)):  # type: ignore[attr-defined]
            raise OSError(f"{path} cannot be written")
        print(path)

    def _settle(self, count: int = 6) -> None:
        """Let what was begun be drawn."""
        ticks: list[None] = []

        def enough() -> bool:
            ticks.append(None)
            return len(ticks) > count

        self._wait(enough)

    def _wait(self, ready: Callable[[], object]) -> None:
        """Sleep between events: a busy loop here would slow the model down."""
        from PySide6.QtCore import QDeadlineTimer, QEventLoop, QTimer

        loop, timer = QEventLoop(), QTimer()
        deadline = QDeadlineTimer(REPLY_SECONDS * 1000)
        done: list[object] = []

        def look() -> None:
            if result := ready():
                done.append(result)
            if done or deadline.hasExpired():
                loop.quit()

        timer.timeout.connect(look)
        timer.start(50)
        loop.exec()
        if not done:
            raise TimeoutError("the program did not answer")


if __name__ == "__main__":
    sys.exit(main())
