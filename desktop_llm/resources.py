"""Files that are data: in the wheel beside the package, in a checkout beside it one level up."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource(*names: str) -> Path:
    """Where a file of `resources/` lies. Raises FileNotFoundError."""
    for root in (_PACKAGE / "_resources", _PACKAGE.parent / "resources"):
        path = root.joinpath(*names)
        if path.exists():
            return path
    raise FileNotFoundError("/".join(names))
