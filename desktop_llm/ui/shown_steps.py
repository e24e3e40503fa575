"""Steps of the work on a table, as its windows show them."""

from typing import TYPE_CHECKING

from desktop_llm.core.tables import Step
from desktop_llm.ui.models.table_rows import ShownStep
from desktop_llm.words import current_language

if TYPE_CHECKING:
    from desktop_llm.services.bundle import Services

TEXT = 2000  # characters of a row that are shown


def shown_step(services: "Services", step: Step) -> ShownStep:
    """Blocks on the disk. Raises EnvironmentFault."""
    from desktop_llm.core.tools import Output
    from desktop_llm.services.labelling import labels_of

    language = current_language().value
    tool = services.tools.shelf.find(step.tool)
    found = labels_of(tool, step.values) if tool.output is Output.LABELS else ()
    labels = {label.value: label.title.within(language) for label in found}
    return ShownStep(tool.name.within(language), labels)
