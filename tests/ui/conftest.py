"""Qt for the UI tests: offscreen, and no message of Qt's but the one that platform always gives."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest

ALLOWED = "This plugin does not support propagateSizeHints()"


@pytest.fixture(autouse=True)
def no_qt_messages(qtlog):
    yield
    seen = [record.message for record in qtlog.records if ALLOWED not in record.message]
    assert seen == []
