"""Draws formulas, in a process that can be killed.

No network, no files, little memory, and a parent that kills this process after half a second. One
JSON object a line in; one out: `svg` with its measures in pixels, or `error`. The first line out
says that it is ready.
"""

import json
import sys
import xml.etree.ElementTree as ET
from typing import Any

import ziamath
from ziamath.tex import tex2mml

from desktop_llm.core.confinement import (
    die_with_parent,
    drop_privileges,
    leave_network,
    limit,
    refuse_files_and_network,
)

MEMORY_LIMIT = 512 * 1024 * 1024  # bytes of address space
OUTPUT_LIMIT = 1_000_000  # characters of one SVG
INVISIBLE = frozenset("\u2061\u2062\u2063\u2064")  # operators that have no letter
WARM = (
    r"\sum_{i=1}^{n}\frac{\sqrt{i}}{2}\begin{pmatrix}a&b\\c&d\end{pmatrix}\text{if}\ \overline{x}"
)


class NotDrawnError(Exception):
    """It would not be what was written."""


def draw(latex: str, size: float, colour: str, display: bool) -> dict[str, Any]:
    _check(ET.fromstring(tex2mml(latex, inline=not display)))
    formula = ziamath.Latex(latex, size=size, color=colour, inline=not display, margin=0)
    root = formula.svgxml()
    root.set("fill", colour)  # what has none, as the number of an equation
    svg = ET.tostring(root, encoding="unicode").replace('"black"', f'"{colour}"')  # boxes, rules
    if len(svg) > OUTPUT_LIMIT:
        raise NotDrawnError("too long")
    _, top, width, height = map(float, root.get("viewBox", "").split())
    return {"svg": svg, "width": width, "height": height, "depth": top + height}


def _check(tree: ET.Element) -> None:
    """A command that is not known, and a letter that the font lacks, would be drawn as they are."""
    font = ziamath.zmath.loadedfonts["default"]
    for text in tree.itertext():
        if text.startswith("\\") and len(text) > 1:
            raise NotDrawnError("unknown command")
        for letter in text:
            missing = not letter.isspace() and letter not in INVISIBLE
            if missing and not font.glyphindex(letter):
                raise NotDrawnError("unknown letter")


def _harden() -> None:
    """After everything is imported and the fonts are read: nothing is opened from here on."""
    drop_privileges()
    limit(MEMORY_LIMIT)
    leave_network()
    refuse_files_and_network()


def main() -> None:
    die_with_parent()
    ziamath.config.svg2 = False  # QtSvg shows nothing otherwise
    draw(WARM, 16, "#000000", True)
    draw(WARM, 16, "#000000", False)
    _harden()
    _say({})
    for line in sys.stdin:
        try:
            answer = draw(**json.loads(line))
        except MemoryError:
            answer = {"error": "too much memory"}
        except Exception as error:  # noqa: BLE001  # whatever a stranger's formula raises
            answer = {"error": type(error).__name__}
        _say(answer)


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
