"""Numbers that are checked before they reach C, where a wrong one is no longer an exception."""

from desktop_llm.core.errors import EnvironmentFault, FaultCode


def check_range(name: str, value: object, low: float, high: float, whole: bool = False) -> None:
    """Raise INVALID_PARAMETER unless `value` is a number (`whole`: an int) within the range.

    True and False are not numbers here, whatever Python says; NaN is within no range.
    """
    number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high:  # type: ignore[operator]
        raise EnvironmentFault(
            FaultCode.INVALID_PARAMETER, name=name, value=_shown(value), low=low, high=high
        )


def _shown(value: object) -> str:
    try:
        return str(value)[:40]
    except ValueError:  # Python does not print an int of more than 4,300 digits
        return "…"
