"""A title that the model gave is shown where the first line stood."""

from desktop_llm.services import titles
from tests.ui.helpers import REPLY, press, shown


def test_the_list_shows_the_models_title(qtbot, make_program, monkeypatch):
    monkeypatch.setattr(titles, "title_from", lambda _text: "Hello and welcome")
    program = make_program(write_titles=True)
    page = shown(qtbot, program)
    program.services.titles._quiet_seconds = 0.05
    press(page, "Hello there, say hello.")
    qtbot.waitUntil(lambda: page.conversation is not None, timeout=REPLY)
    listed = page.list._sidebar.model

    def title():
        return listed.title_of(page.conversation)

    qtbot.waitUntil(lambda: title() == "Hello and welcome", timeout=REPLY)
    assert page.conversation is not None
