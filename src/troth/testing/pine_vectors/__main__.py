"""Writes the published PINE vectors: ``python -m troth.testing.pine_vectors``.

With ``--check`` it writes nothing, and exits with 1 naming the files that differ.
"""

import argparse
import sys
from pathlib import Path

from troth.testing.pine_vectors.catalogue import THEMES


def main(arguments: list[str] | None = None) -> int:
    """Write or check the files; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, prog="troth.testing.pine_vectors")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    parser.add_argument("--out", type=Path, default=Path("vectors/pine"), metavar="DIR")
    options = parser.parse_args(arguments)
    differing = []
    for make in THEMES:
        theme = make()
        path = options.out / f"{theme.name}.json"
        text = theme.render()
        if options.check:
            if not path.is_file() or path.read_text(encoding="ascii") != text:
                differing.append(path.name)
        else:
            path.write_text(text, encoding="ascii")
            sys.stdout.write(f"{theme.name}: {len(theme.vectors)}\n")
    for name in differing:
        sys.stderr.write(f"{name} differs; run: python -m troth.testing.pine_vectors\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
