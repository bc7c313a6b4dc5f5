"""`litellm-patch status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from litellm_patch.commands.given import GivenPath
from litellm_patch.commands.targets import Finding, for_each, target_options
from litellm_patch.errors import DeniedReleaseError, DriftedError, FixedUpstreamError, UnsupportedReleaseError
from litellm_patch.patching.apply import status
from litellm_patch.patching.built import how_to_replace, is_installed_compiled
from litellm_patch.patching.judging import State
from litellm_patch.patching.ledger import bundled_folder, is_patched_wheel, load_ledger
from litellm_patch.wheels.difference import advice, differences, stock_files
from litellm_patch.wheels.stock import default_cache

if TYPE_CHECKING:
    from pathlib import Path

    from litellm_patch.patching.apply import Status

# state -> exit code, what it is, what to do next; for the last three the refusal has better words
_STATES = {
    State.CLEAN: (3, "is stock and can be patched", "run apply"),
    State.APPLIED: (0, "is patched", "nothing to do; revert removes the patch"),
    State.PARTIAL: (4, "is partly patched", "run apply to patch it, revert to undo it"),
    State.OUTDATED: (10, "is patched by an older version of the patch", "run apply, which upgrades it"),
    State.DRIFTED: (
        *(DriftedError.exit_code, "has drifted"),
        "reinstall this release of litellm, then run apply; or apply --merge, which keeps an edit; --diff shows it",
    ),
    State.FIXED_UPSTREAM: (FixedUpstreamError.exit_code, "needs no patch", "nothing to do"),
    State.UNSUPPORTED: (UnsupportedReleaseError.exit_code, "is not supported", "install a supported release"),
    State.DENIED: (DeniedReleaseError.exit_code, "is denied", "install another release"),
}
_EPILOG = "\b\nStates, exit codes, and what to do next:\n" + "\n".join(
    f"  {state.value:<14}  {code}  {words}: {next_step}" for state, (code, words, next_step) in _STATES.items()
)


@click.command("status", epilog=_EPILOG)
@target_options
@click.option("--diff", is_flag=True, help="Show how edited files differ from the stock or the patched ones.")
@click.option(
    "--stock",
    type=GivenPath(exists=True, dir_okay=False),
    metavar="WHEEL",
    help="Take the stock files for --diff from this wheel, which the ledger must know.",
)
@click.pass_context
def command(ctx: click.Context, /, targets: tuple[Path, ...], *, diff: bool, stock: Path | None, **how: bool) -> None:
    """Tell whether the litellm in TARGET is patched, and what to do next."""
    folder = ctx.obj or bundled_folder()
    ledger = load_ledger(folder)

    def show(place: Path) -> Finding:
        found = status(place, ledger)
        return _describe(found, _differences(found, stock, default_cache(folder)) if diff or stock else None)

    for_each(ctx, targets, show, **how)


def _describe(found: Status, diff: list[str] | None) -> Finding:
    code, words, next_step = _STATES[found.state]
    sentence = f"litellm {found.target.version} in {found.target.package} {words}"
    tree = found.tree
    if found.refusal:
        name = f"litellm {found.target.version}"
        sentence = found.refusal.found.replace(name, f"{name} in {found.target.package}", 1)
        next_step = found.refusal.next_step
    elif tree:
        sentence += f", with {tree.option}" if tree.option and found.state is State.APPLIED else ""
        sentence += f", with local edits in {', '.join(tree.edited)}" if tree.edited else ""
        sentence = "; ".join((sentence, *(tree.troubles if found.state is not State.OUTDATED else ())))
        if found.state is State.APPLIED and is_patched_wheel(found.target.version):
            next_step = "nothing to do; the patch is part of this wheel"
        elif found.release and is_installed_compiled(found.target, found.release) and found.state is not State.APPLIED:
            next_step = how_to_replace(found.release)
        elif found.state is State.OUTDATED and (tree.edited or is_patched_wheel(found.target.version)):
            wheel = f"run litellm-patch wheel {found.target.version.public}, and install the wheel that it makes"
            next_step = wheel if is_patched_wheel(found.target.version) else "run apply --merge, which upgrades it"
    data = {
        "state": found.state.value,
        "version": str(found.target.version),
        "package": str(found.target.package),
        "files": {file.image.path: file.state.value for file in tree.files} if tree else {},
        "marker": tree.told.content if tree and tree.told else None,
        "found": sentence,
        "next": next_step,
        **({"with": tree.option} if tree and tree.option else {}),
        **({} if diff is None else {"diff": diff}),
    }
    lines = (f"{found.state.value}: {sentence}", f"next: {next_step}", *(line.expandtabs() for line in diff or ()))
    return Finding(code, found.state.value, lines, data)


def _differences(found: Status, wheel: Path | None, cache: Path) -> list[str]:
    """Give the lines that show the edits of a drifted litellm, or say what they need."""
    if found.state is not State.DRIFTED or not found.tree or not found.release:
        return []
    stock = stock_files(found.release, wheel, cache)
    if stock is None:
        return [f"no diff: the stock files are not at hand; {advice(found.release)}"]
    return differences(found.tree, found.release, stock)
