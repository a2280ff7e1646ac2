"""The commands and their options. Typer reads them; what was asked for runs outside of Typer.

Each command only describes its options and returns the work to do. So help and ``--version`` load
nothing heavy, and every failure of the work comes through one place, `main`.
"""

import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from troth import __version__
from troth.cli.exits import Exit, explain, print_error
from troth.cli.output import NAME, complain, printable, silence

Work = Callable[[], int]
"""What a command line asks for; gives the exit code."""

WrongUse = cast("type[typer.BadParameter]", typer.BadParameter.__base__)
"""Any wrong use of options: Typer's own name for it moved between its versions."""

app = typer.Typer(
    name=NAME,
    help="Train together, trust no one, check everything.",
    epilog="Exit codes: 0 fine, 1 does not fit, 2 wrong use or input, 3 bundle false, 4 not a "
    "bundle, 5 failed, 70 internal error, 130 interrupted.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
demo_app = typer.Typer(help="Run a complete study on this machine, and check it.")
app.add_typer(demo_app, name="demo")
attack_app = typer.Typer(
    help="Named attacks on the protocol: which there are, and what comes of them."
)
app.add_typer(attack_app, name="attack")
checkpoint_app = typer.Typer(
    help="Sign the end of a ledger, so that strangers need to know only its members."
)
app.add_typer(checkpoint_app, name="checkpoint")


class Engine(StrEnum):
    """Ledger engines that a demonstration can run on."""

    EMBEDDED = "embedded"
    ANVIL = "anvil"


class ModeName(StrEnum):
    """Modes of a study, by the names that terms give them."""

    A = "A"
    B3 = "B3"
    B4 = "B4"


class VariantName(StrEnum):
    """Variants of PINE, by the names of their official vectors."""

    PINE128 = "Pine128"
    PINE64 = "Pine64"
    PINE64_HMAC = "Pine64HmacSha256Aes128"
    PINE32_HMAC = "Pine32HmacSha256Aes128"
    PINE40_HMAC = "Pine40HmacSha256Aes128"


Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output, nothing else.")
]


def _version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it with the flag
    if wanted:
        sys.stdout.write(f"{NAME} {__version__}\n")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _troth(
    context: typer.Context,
    *,
    version: Annotated[  # noqa: ARG001 - its callback acts before the function is called
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> Work | None:
    return _without_command(context)


@demo_app.callback(invoke_without_command=True)
def _demo(context: typer.Context) -> Work | None:
    return _without_command(context)


@attack_app.callback(invoke_without_command=True)
def _attack(context: typer.Context) -> Work | None:
    return _without_command(context)


@checkpoint_app.callback(invoke_without_command=True)
def _checkpoint(context: typer.Context) -> Work | None:
    return _without_command(context)


def _without_command(context: typer.Context) -> Work | None:
    """Somebody who names no command is shown which there are; scripts see the exit code."""
    if context.invoked_subcommand is not None:
        return None
    text = context.get_help()

    def work() -> int:
        sys.stderr.write(text + "\n")
        return Exit.WRONG_USE

    return work


@demo_app.command("hospitals")
def hospitals(
    *,
    out: Annotated[
        Path, typer.Option(help="Folder for the bundle, the trust file and the report.")
    ] = Path("out/hospitals"),
    seed: Annotated[
        int,
        typer.Option(min=0, help="Drives split, learning and rounding; never keys or noise."),
    ] = 0,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of training.")] = 20,
    mode: Annotated[
        ModeName,
        typer.Option(
            help="Two aggregators that hold a share each (A), or three (B3) or four (B4) that each "
            "hold all shares but one."
        ),
    ] = ModeName.A,
    ledger: Annotated[
        Engine, typer.Option(help="Engine: in this process, or an anvil that is installed.")
    ] = Engine.EMBEDDED,
    as_json: Json = False,
) -> Work:
    """Four hospitals train one model on real records and show them to nobody.

    A fifth of each hospital's records is kept from training; on these they test the final model,
    and only noisy counts come out.

    Four things go wrong on purpose: an aggregator changes its sum (in a drill on made-up records;
    in mode B4 in round 1 of the study itself, which goes on without it), a second study asks for
    more privacy budget than is left, in round 2 a fifth site sends an update that is far too long,
    and one byte of a copy of the finished bundle is changed.
    """

    def work() -> int:
        from troth.cli import demo  # noqa: PLC0415 - loads the ledger and learning libraries
        from troth.scenarios.hospital_run import Options  # noqa: PLC0415 - the same

        options = Options(out, seed, rounds, mode.value, ledger.value)
        return demo.hospitals(options, as_json=as_json)

    return work


@app.command()
def audit(
    *,
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The bundle to check.")],
    trust: Annotated[
        Path | None,
        typer.Option(
            help="What you know from elsewhere: chain, deployment, members, last block, as a trust "
            "file or as a checkpoint that members signed."
        ),
    ] = None,
    signers: Annotated[
        Path | None,
        typer.Option(
            help="With a checkpoint: the members whom you know, and how many signatures it takes. "
            "Without it, more than half of those whom the checkpoint itself lists."
        ),
    ] = None,
    as_json: Json = False,
) -> Work:
    """Check a bundle without network or key: every claim, or the first line that lies.

    Prints one line per claim and the verdict: verified (what --trust says matches), consistent (no
    --trust: true in itself, anchors printed), or false.
    """

    def work() -> int:
        from troth.cli import audit  # noqa: PLC0415 - loads the ledger and proof libraries

        return audit.check(bundle, trust, signers, as_json=as_json)

    return work


@checkpoint_app.command("sign")
def sign_checkpoint(
    *,
    bundle: Annotated[
        Path, typer.Argument(metavar="BUNDLE", help="What your own node wrote, and nobody else.")
    ],
    key: Annotated[
        Path,
        typer.Option(help="Your account's key: a file of 64 hexadecimal digits, only yours."),
    ],
    out: Annotated[Path, typer.Option(help="File for the checkpoint.")],
    head_hash: Annotated[
        str | None,
        typer.Option(
            metavar="HEX",
            help="The last block's hash as your engine says it, 0x and digits; only for engines "
            "whose headers are not Ethereum's.",
        ),
    ] = None,
    as_json: Json = False,
) -> Work:
    """Sign, as a member, where a ledger stands: contracts, members, last block and all before it.

    Audits the bundle first and signs nothing that does not hold.
    """

    def work() -> int:
        from troth.cli import checkpoint  # noqa: PLC0415 - loads the ledger and proof libraries

        return checkpoint.sign(bundle, key, out, head_hash, as_json=as_json)

    return work


@checkpoint_app.command("join")
def join_checkpoints(
    *,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Checkpoints of single members, or joined ones."),
    ],
    out: Annotated[Path, typer.Option(help="File for the checkpoint that all of them signed.")],
    as_json: Json = False,
) -> Work:
    """Join checkpoints that state the same into one with the signatures of all.

    Verifies every signature. Where two state different things, the field in which they part is
    named, and nothing is written.
    """

    def work() -> int:
        from troth.cli import checkpoint  # noqa: PLC0415 - loads the ledger and proof libraries

        return checkpoint.join(files, out, as_json=as_json)

    return work


@app.command()
def plan(
    *,
    terms: Annotated[
        Path | None,
        typer.Argument(metavar="TERMS", help="Terms of a study; without it, the options below."),
    ] = None,
    variant: Annotated[VariantName | None, typer.Option(help="PINE variant.")] = None,
    mode: Annotated[
        ModeName | None,
        typer.Option(
            help="How shares are held: one holder each (A) or all members but one; A by default."
        ),
    ] = None,
    members: Annotated[
        int | None,
        typer.Option(help="Committee members: 2 to 5 in mode A, 3 in B3, 4 in B4."),
    ] = None,
    dimension: Annotated[int | None, typer.Option(help="Coordinates of an update.")] = None,
    record_bound: Annotated[
        list[int] | None, typer.Option(help="Most records of a site; once for each site.")
    ] = None,
    weight: Annotated[
        list[int] | None,
        typer.Option(help="Weight of a site, in the order of the bounds; 1 for each by default."),
    ] = None,
    clip: Annotated[int | None, typer.Option(help="Integer L2 bound of one record.")] = None,
    scale_bits: Annotated[
        int | None, typer.Option(help="f: integers are model units times 2^f.")
    ] = None,
    noise_variance: Annotated[
        int | None, typer.Option(help="Variance of each noise vector, per coordinate.")
    ] = None,
    sigma: Annotated[
        float | None, typer.Option(help="Its square root, instead of the variance.")
    ] = None,
    honest: Annotated[
        int | None,
        typer.Option(
            help="Noise vectors the guarantee counts on; members - 1 by default, 2 in B3 and B4."
        ),
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="Rounds of the study.")] = None,
    delta: Annotated[float | None, typer.Option(help="δ at which ε is stated.")] = None,
    epsilon: Annotated[float | None, typer.Option(help="Largest ε that sites grant.")] = None,
    counted: Annotated[
        bool,
        typer.Option(
            "--counted", help="A record is one count (an evaluation): clip 1 and scale-bits 0."
        ),
    ] = False,
    proofs: Annotated[
        int | None,
        typer.Option(help="Proofs of PINE's main circuit, 1 to 255; the variant's by default."),
    ] = None,
    proofs_norm_equality: Annotated[
        int | None,
        typer.Option(
            help="Proofs of its norm circuit, 1 to 255; 1 by default, which is sound enough only "
            "in Field128 (Pine128): give 2 or more for Field64, 3 for Field40 and Field32."
        ),
    ] = None,
    noise_candidates: Annotated[
        int | None,
        typer.Option(
            help="Noise reports of each member; all but one are opened. 2, 4 or 8; 4 by default."
        ),
    ] = None,
    num_wr_checks: Annotated[
        int | None, typer.Option(help="PINE's wraparound checks; 100 by default.")
    ] = None,
    num_wr_successes: Annotated[
        int | None, typer.Option(help="How many of them must succeed; 100 by default.")
    ] = None,
    canonical: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT", help="Write the terms here in the canonical form that members approve."
        ),
    ] = None,
    as_json: Json = False,
) -> Work:
    """Explain whether a study's parameters fit each other, and propose some that do.

    Takes a terms file (docs/terms.md) in any layout of JSON, or options that describe a design.
    Exit code 1 means that it does not fit.
    """
    given = {
        "variant": None if variant is None else variant.value,
        "mode": None if mode is None else mode.value,
        "members": members,
        "dimension": dimension,
        "record_bound": record_bound,
        "weight": weight,
        "clip": clip,
        "scale_bits": scale_bits,
        "noise_variance": noise_variance,
        "sigma": sigma,
        "honest": honest,
        "rounds": rounds,
        "delta": delta,
        "epsilon": epsilon,
        "counted": counted or None,
        "proofs": proofs,
        "proofs_norm_equality": proofs_norm_equality,
        "noise_candidates": noise_candidates,
        "num_wr_checks": num_wr_checks,
        "num_wr_successes": num_wr_successes,
    }

    def work() -> int:
        from troth.cli import plan  # noqa: PLC0415 - loads the accounting libraries

        options = {name: value for name, value in given.items() if value not in (None, [])}
        return plan.show(terms, options, canonical, as_json=as_json)

    return work


@attack_app.command("list")
def list_attacks(*, as_json: Json = False) -> Work:
    """List every attack: who tries what, what must come of it, and which defence stops it."""

    def work() -> int:
        from troth.cli import attack  # noqa: PLC0415 - loads the ledger and proof libraries

        return attack.show(as_json=as_json)

    return work


@attack_app.command("run")
def run_attacks(
    *,
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME...", help="Names from `troth attack list`, or `all`."),
    ],
    mode: Annotated[ModeName, typer.Option(help="Mode of the rounds.")] = ModeName.A,
    defence_off: Annotated[
        bool,
        typer.Option(
            "--defence-off",
            help="Turn off the one defence of each attack, which must then succeed. Rules of "
            "contracts cannot be turned off from here, and some attacks have nothing to turn off: "
            "these are listed and not played.",
        ),
    ] = False,
    as_json: Json = False,
) -> Work:
    """Play attacks through the real roles, contracts, store and audit, on a toy study each.

    Shows for each what was expected and what was observed: the outcome, who was named, and where it
    was caught. Exit code 1 means that something came out differently.
    """

    def work() -> int:
        from troth.cli import attack  # noqa: PLC0415 - loads the ledger and proof libraries

        return attack.run(names, mode.value, defended=not defence_off, as_json=as_json)

    return work


def main(arguments: Sequence[str]) -> int:
    """Run one command line; gives the exit code and never raises for what a person can cause."""
    as_json = "--json" in arguments  # also where the line is too wrong to be read as a whole
    try:
        asked: Any = app(args=list(arguments), prog_name=NAME, standalone_mode=False)
        return asked() if callable(asked) else Exit.FINE
    except WrongUse as problem:
        text = _plain(problem.format_message()) + f"; see `{_command(problem)} --help`"
        if as_json:
            print_error(Exit.WRONG_USE, text)
        complain(text)
        return Exit.WRONG_USE
    except KeyboardInterrupt:
        complain("interrupted; run the command again to start afresh", prefix=f"{NAME}: ")
        return Exit.INTERRUPTED
    except (BrokenPipeError, SystemExit):  # Typer turns the first into the second, nothing else
        silence()
        return Exit.NO_READER
    except Exception as problem:  # noqa: BLE001 - whatever it is, a person gets one line
        return explain(problem, as_json=as_json)


_PLAIN = (
    (r"Invalid value for '([^']+)': ", r"\1: "),
    (r"Value error, ", ""),
    (r"Input should be a valid integer, .*", "must be a whole number"),
    (r"Unable to parse input string as an integer, .*", "is too large"),
    (r"Input should be a valid number, .*", "must be a number"),
    (r"Input should be greater than or equal to ", "must be at least "),
)
"""What the library behind Typer says, and how we say it."""


def _plain(text: str) -> str:
    """What is wrong with the options, as one line in plain words."""
    text = " ".join(text.split())
    for theirs, ours in _PLAIN:
        text = re.sub(theirs, ours, text)
    return printable(text).rstrip(".")


def _command(problem: typer.BadParameter) -> str:
    return problem.ctx.command_path if problem.ctx is not None else NAME


def run() -> None:
    """What the installed ``troth`` runs."""
    # Being told to end is ending cleanly, as with Ctrl-C: children are ended, nothing half-written.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - ends with us
        # A locale without ε still gets every word.
        getattr(sys, name).reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
