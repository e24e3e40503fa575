"""The catalogue that comes with the program."""

import tomllib
from functools import cache

from desktop_llm.core.catalogue import CatalogueModel
from desktop_llm.resources import resource


@cache
def catalogue() -> tuple[CatalogueModel, ...]:
    values = tomllib.loads(resource("catalogue.toml").read_text("utf-8"))
    return tuple(CatalogueModel.from_values(each) for each in values["model"])


@cache
def hub_address() -> str:
    """The Hub's own."""
    return str(tomllib.loads(resource("catalogue.toml").read_text("utf-8"))["endpoint"])
