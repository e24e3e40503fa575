"""Language packs, loaded: data that spaCy reads, never code of the pack's own."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.language_packs import foreign_parts
from desktop_llm.language.running import library


@lru_cache(maxsize=2)
def load(folder: str) -> Any:
    """spaCy's Language of an installed pack. Raises NO_PACK, PACK_REFUSED, PACK_NEEDS,
    PACK_DAMAGED.
    """
    spacy = library("spacy")
    path = Path(folder)
    if not (path / "config.cfg").is_file():
        raise EnvironmentFault(FaultCode.NO_PACK, name=path.name)
    try:
        config = spacy.util.load_config(path / "config.cfg", interpolate=True)
    except MemoryError:
        raise
    except Exception as error:
        raise _damaged(path, error) from error
    for foreign in foreign_parts(config):
        raise EnvironmentFault(FaultCode.PACK_REFUSED, path=path.name, detail=foreign[:200])
    try:
        return spacy.load(path)
    except ImportError as error:
        missing = error.name or str(error).partition("\n")[0][:100]
        raise EnvironmentFault(FaultCode.PACK_NEEDS, name=path.name, package=missing) from error
    except MemoryError:
        raise
    except Exception as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> EnvironmentFault:
    return EnvironmentFault(FaultCode.PACK_DAMAGED, path=path.name, reason=type(error).__name__)
