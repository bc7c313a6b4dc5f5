"""What the doctor found as a page for a browser: one file that loads nothing and runs nothing."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Any

from litellm_patch.doctor.callers import Reach, request_words
from litellm_patch.doctor.judging import Verdict
from litellm_patch.doctor.showing import WORTH
from litellm_patch.output import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SHOWN = 12  # names of one row; the others are counted


def chain_page(data: Mapping[str, Any], source: str) -> str:
    """Make the page.

    Args:
        data: what ``doctor --json`` prints.
        source: what to call the configuration.
    """
    chains = [chain for verdict in Verdict for chain in data["chains"] if _verdict(chain) is verdict]  # the worst first
    counts = Counter(map(_verdict, chains))
    worth = "; ".join(f"{count} {verdict.value}" for verdict, count in counts.items())
    head = f"Judged as LiteLLM {data['release']}, {'patched' if data['patched'] else 'stock'}. "
    tail = f"{len(chains)} chain(s): {worth}." if chains else "No fallback chains are configured."
    folder = resources.files("litellm_patch.doctor")
    style = folder.joinpath("page.css").read_text(encoding="utf-8")
    return Template(folder.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        style=style,
        source=_text(source),
        summary=_text(head + tail),
        remarks=_items(f"<li>Note: {_text(remark)}</li>" for remark in data["remarks"]),
        chains="\n".join(map(_article, chains)),
    )


def _article(chain: Mapping[str, Any]) -> str:
    """A chain: what it is, how requests come through it on stock and with the patch, and what to do."""
    whose = f" of {', '.join(chain['owners'])}" if chain["owners"] else ""
    on_stock, patched = _names(chain["reached_on_stock"]), _names(chain["reached_with_the_patch"])
    names = list(dict.fromkeys((*patched, *on_stock)))
    lanes = "".join(
        f'<div class="lane {word}"><b>{rules}:</b> <em>{word}</em>{_path(chain, names, found)}</div>'
        for rules, word, found in zip(("stock", "patched"), WORTH[_verdict(chain)], (on_stock, patched), strict=True)
    )
    return (
        f'<article class="{chain["verdict"]}">\n'
        f"<h2>{_text(chain['key'])} <small>{_text(chain['list'])}, {_text(chain['key_kind'] + whose)}</small></h2>\n"
        f'<div class="lanes">{lanes}</div>\n'
        f'<p class="do"><b>What to do:</b> {_text(chain["next"])}</p>\n'
        f"{_items(f'<li>{_text(note)}</li>' for note in chain['notes'])}</article>"
    )


def _names(reaches: Sequence[Mapping[str, Any]]) -> dict[str, None]:
    """The requests by names that callers know; those that come by another chain only where no other request does."""
    known = [reach for reach in reaches if not reach["internal"]]
    known = [reach for reach in known if not reach["after"]] or known
    return dict.fromkeys(
        request_words(Reach(reach["model"], reach["team"] or "", reach["admin"], via=reach["after"] or ""))
        for reach in known
    )


def _path(chain: Mapping[str, Any], names: Sequence[str], found: Mapping[str, None]) -> str:
    """A row from the names through the key to the targets."""
    asked = [_mark(name, lost=name not in found) for name in names[:_SHOWN]]
    if len(names) > _SHOWN:
        asked.append(f"<li>and {len(names) - _SHOWN} more</li>")
    targets = [_mark(target["name"], lost=bool(target["not_for"])) for target in chain["targets"]]
    ends = _items(asked) or "no request", _items(targets) or "no target"
    return f'<div class="path">{ends[0]} → <code>{_text(chain["key"])}</code> → {ends[1]}</div>'


def _mark(name: str, *, lost: bool) -> str:
    return f'<li class="lost">✗ {_text(name)}</li>' if lost else f"<li>{_text(name)}</li>"


def _items(items: Iterable[str]) -> str:
    written = "".join(items)
    return f"<ul>{written}</ul>" if written else ""


def _text(text: str) -> str:
    return escape(printable(text))


def _verdict(chain: Mapping[str, Any]) -> Verdict:
    return Verdict[chain["verdict"].upper()]
