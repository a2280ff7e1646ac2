"""Writes ``docs/cli.md`` from the commands themselves: ``python -m troth.cli.reference``.

The page goes to standard output; a test compares it with the one in ``docs/``.
"""

import sys
from collections.abc import Iterator
from typing import Any

import typer

from troth.cli.main import app
from troth.cli.output import NAME

_PLAN = (
    f"{NAME} plan --variant Pine64HmacSha256Aes128 --members 2 --dimension 31 --record-bound 256 "
    "--clip 128 --scale-bits 7 --noise-variance 1517824 --rounds 20 --delta 1e-5 --epsilon 2"
)
_HEAD = f"""# The `{NAME}` command

Written by `python -m troth.cli.reference` from the command itself; do not edit.

While it works, every command shows its progress on standard error. Results go to standard output:
for people, or with `--json` as exactly one JSON document and nothing else. An error is one line on
standard error that begins with `{NAME}: error:`, and one of the [exit codes](exit-codes.md).
`--help` after any command says what is written here.

| exit code | the document of `--json` |
|---|---|
| 0, 1 | the result: `specs/{{audit,demo,plan}}-result`, `specs/attack-{{list,run}}.schema.json` |
| 0 of `{NAME} checkpoint` | what it wrote: `specs/checkpoint.schema.json` |
| 2, 4, 5, 70 | the error: `specs/error.schema.json` |
| 3 | the line that lies: `specs/audit-false.schema.json` |
| 130, 141 | none: the command was stopped |
"""
_TAIL = f"""## Two plans

The hospitals' numbers with one site, which fit:

    {_PLAN} --proofs-norm-equality 2

Without `--proofs-norm-equality` the count is 1, too few for Field64. So this one does not fit (exit
code 1); it says why, and shows a command that would:

    {_PLAN}

A command under *Would fit* describes exactly the design that was found, counts of proofs and
wraparound checks included.
"""


def reference() -> str:
    """The whole page."""
    return "\n".join((_HEAD, *_command(typer.main.get_command(app), NAME), _TAIL)).rstrip() + "\n"


def _command(command: Any, path: str) -> Iterator[str]:
    """One command and what is below it, as Typer describes them."""
    context = command.context_class(command, info_name=path)
    below = getattr(command, "commands", {})
    arguments = [item for item in command.params if item.param_type_name == "argument"]
    options = [item for item in command.params if item.param_type_name == "option"]
    yield f"## `{path}`"
    yield ""
    yield _text(command.help)
    yield ""
    words = [path, *(_argument(item) for item in arguments)]
    yield f"    {' '.join(words)}{' COMMAND' if below else ''} [OPTIONS]"
    yield ""
    if arguments or options:
        yield "| | | default |"
        yield "|---|---|---|"
    for item in arguments:
        yield f"| `{item.metavar}` | {_text(item.help)} | |"
    for item in options:
        names = ", ".join(f"`{name}`" for name in item.opts)
        yield f"| {names} | {_text(item.help)} | {_default(item, context)} |"
    yield ""
    for name in sorted(below):
        yield from _command(below[name], f"{path} {name}")


def _argument(item: Any) -> str:
    return str(item.metavar) if item.required else f"[{item.metavar}]"


def _default(item: Any, context: Any) -> str:
    default = item.get_default(context)
    if item.required:
        return "required"
    return "" if default is None or default is False else f"`{getattr(default, 'value', default)}`"


def _text(text: str | None) -> str:
    """Paragraphs, each on one line."""
    parts = (text or "").split("\n\n")
    return "\n\n".join(" ".join(part.split()) for part in parts)


if __name__ == "__main__":
    sys.stdout.write(reference())
