"""A title by the real starter model, between two questions of one conversation."""

import queue
from dataclasses import replace

import pytest

from desktop_llm.core.generation import Sampling
from desktop_llm.core.text import clean_text
from desktop_llm.services.bundle import Services
from desktop_llm.services.titles import LONGEST
from desktop_llm.storage.paths import Folders
from desktop_llm.storage.settings import SettingsFile

QUESTION = "How do I sort a list of dictionaries by a key in Python?"


@pytest.fixture
def services(tmp_path):
    folders = Folders(tmp_path / "data", tmp_path / "cache")
    folders.ensure()
    settings = SettingsFile(folders.settings_file)
    settings.set(threads=1, context_length=2048)
    opened = Services.open(folders, settings)
    yield opened
    opened.close()


def test_a_conversation_gets_a_title_and_keeps_its_cache(services, monkeypatch):
    titles, chat = services.titles, services.chat
    told: queue.SimpleQueue = queue.SimpleQueue()
    monkeypatch.setattr(titles, "_on_title", told.put)
    monkeypatch.setattr(titles, "_quiet_seconds", 0.05)
    request = chat.prompts.request

    def brief(*asked, **how):
        greedy = Sampling(temperature=0, repeat_penalty=1.1)
        return replace(request(*asked, **how), sampling=greedy, max_tokens=60)

    monkeypatch.setattr(chat.prompts, "request", brief)
    first = chat.send(None, QUESTION, None).result(120).reply
    number = first.conversation
    assert told.get(timeout=60) == number
    title = chat.open(number)[0].title
    assert title != QUESTION
    assert title == clean_text(" ".join(title.split()))
    assert 0 < len(title) <= LONGEST
    assert "sort" in title.lower() or "python" in title.lower()

    second = chat.send(number, "And at night?", first.id).result(120).reply
    assert first.stats is not None
    assert second.stats is not None
    # all of the conversation; the instruction and the title behind it are gone
    assert second.stats.reused_tokens >= first.stats.context_used
    assert second.stats.prompt_tokens - second.stats.reused_tokens < 24
    assert chat.open(number)[0].title == title
