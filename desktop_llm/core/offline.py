"""What tells libraries to stay at home; set before any of them is imported."""

import os

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_XET": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}


def go_offline() -> None:
    """For this process and those it starts."""
    for name, value in OFFLINE.items():
        os.environ.setdefault(name, value)
