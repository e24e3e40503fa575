"""Theme tokens, icons, and the hop between threads."""

import threading

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication

from desktop_llm.core.engine import TextDelta
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.settings import Theme
from desktop_llm.core.tasks import Task
from desktop_llm.ui import theme
from desktop_llm.ui.bridge import LATEST, SOONEST, Bridge, pause_after
from desktop_llm.ui.icons import icon


@pytest.fixture
def bridge(qtbot):  # noqa: ARG001  # brings the application
    bridge = Bridge()
    yield bridge
    bridge.close()


@pytest.mark.parametrize("name", ["light", "dark"])
def test_text_can_be_read_on_every_ground(name):
    tokens = theme.load_tokens(name)
    inks = [token for token in theme.Tokens.__slots__ if token.startswith("syntax_")]
    pairs = [(ink, "code") for ink in inks]
    pairs += [(ink, ground) for ink in ("text", "muted", "accent", "danger")
              for ground in ("window", "surface", "tint")]  # fmt: skip
    pairs += [
        ("text", "selection"),
        ("text", "mark"),
        ("text", "hover"),
        ("text", "code"),
        ("on_accent", "accent"),
    ]
    low = {
        pair: ratio
        for pair in pairs
        if (ratio := theme.contrast(*(getattr(tokens, part) for part in pair))) < 4.5
    }
    assert low == {}


def test_contrast_is_that_of_the_standard():
    assert theme.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert theme.contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("chosen", [Theme.LIGHT, Theme.DARK])
def test_a_theme_is_applied(qtbot, chosen):  # noqa: ARG001
    application = QApplication.instance()
    tokens = theme.apply(application, chosen, 15)
    assert application.palette().window().color() == QColor(tokens.window)
    assert application.font().pixelSize() == 15


def test_icons_are_drawn(qtbot):  # noqa: ARG001
    image = icon("gear").pixmap(20, 20).toImage()
    inked = [image.pixelColor(x, y).alpha() for x in range(20) for y in range(20)]
    assert max(inked) > 200
    with pytest.raises(KeyError):
        icon("no such icon")


def test_work_runs_elsewhere_and_ends_here(qtbot, bridge):
    seen = []
    bridge.run(
        threading.current_thread, lambda worked: seen.append((worked, threading.current_thread()))
    )
    qtbot.waitUntil(lambda: bool(seen))
    worked, shown = seen[0]
    assert shown is threading.main_thread()
    assert worked is not shown


def test_a_fault_arrives_as_one(qtbot, bridge):
    faults = []

    def fail():
        raise EnvironmentFault(FaultCode.DISK_FULL, path="/x")

    bridge.run(fail, on_failure=faults.append)
    qtbot.waitUntil(lambda: bool(faults))
    assert faults[0].code is FaultCode.DISK_FULL


def test_a_bug_arrives_as_one_and_is_logged(qtbot, bridge, caplog):
    faults = []
    bridge.run(lambda: 1 / 0, on_failure=faults.append)
    qtbot.waitUntil(lambda: bool(faults))
    assert faults[0].code is FaultCode.BUG
    assert "ZeroDivisionError" in caplog.text


def test_a_task_is_followed_without_losing_a_word(qtbot, bridge):
    task, text, results = Task(), [], []
    bridge.follow(task, lambda event: text.append(event.text), results.append, results.append)

    def produce():
        for number in range(2000):
            task.post(TextDelta(f"{number} ", 1))
        task.finish("end")

    thread = threading.Thread(target=produce)
    thread.start()
    qtbot.waitUntil(lambda: bool(results))
    thread.join()
    assert results == ["end"]
    assert "".join(text).split() == [str(number) for number in range(2000)]
    assert len(text) < 200


def test_a_stream_that_is_dear_to_show_is_looked_at_less_often():
    assert pause_after(0.0) == SOONEST
    assert pause_after(0.0018) == 60
    assert pause_after(1.0) == LATEST
