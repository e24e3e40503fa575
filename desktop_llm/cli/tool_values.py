"""Variables of a tool, as they are given on the command line."""

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.languages import find_language
from desktop_llm.core.tools import Tool, VariableKind


def checked_value(tool: Tool, name: str, value: str) -> str:
    """As the tool takes it; a language by its code. Raises EnvironmentFault for a variable or a
    choice that the tool does not know.
    """
    variable = tool.variable(name)
    if variable is None:
        raise unknown_variable(tool, name)
    if variable.choices and variable.choice(value) is None:
        known = ", ".join(each.value for each in variable.choices)
        raise EnvironmentFault(FaultCode.NO_SUCH_CHOICE, name=name, value=value, known=known)
    if variable.kind is VariableKind.LANGUAGE:
        language = find_language(value)
        return language.code if language else value
    return value


def unknown_variable(tool: Tool, name: str) -> EnvironmentFault:
    known = ", ".join(each.name for each in tool.variables) or "-"
    return EnvironmentFault(FaultCode.NO_SUCH_VARIABLE, tool=tool.id, name=name, known=known)
