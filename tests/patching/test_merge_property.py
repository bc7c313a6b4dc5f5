"""Random edits of a module with twins in it: a merge is patch-then-edit, or refused; never a silent wrong place."""

from __future__ import annotations

import ast
import itertools

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from litellm_patch.errors import DriftedError
from litellm_patch.patching.merging import merge_edited, take_out

PATH = "litellm/router.py"
HEAD = ["import os\n", "from typing import Any\n", "\n", "\n", "class Router:\n"]


def _method(name: str, call: str = "self.find(name)") -> list[str]:
    return [
        f"    def {name}(self, model, **kwargs):\n",
        "        name = model\n",
        "        try:\n",
        f"            group = {call}\n",
        "        except KeyError:\n",
        "            group = None\n",
        "        self.log(name)\n",
        "        return group\n",
        "\n",
    ]


NAMES = ("first", "completion", "acompletion", "second", "embedding", "aembedding", "third", "last")
FIXED = ("acompletion", "embedding")  # one twin of each pair
STOCK = {name: _method(name) for name in NAMES}
PATCHED = STOCK | {name: _method(name, "self.find(resolve(name))") for name in FIXED}
PATCHED["second"] = [*STOCK["second"], *_method("derived", "None")]  # a helper of the patch's own behind it
_RESOLVED, _NAME = (ast.dump(ast.parse(text, mode="eval").body) for text in ("resolve(name)", "name"))
NUMBERS = st.integers(0, 200)
KINDS = st.sampled_from(["log", "comment", "cut", "rename", "blank", "swap", "double", "drop", "new", "wrap"])
EDITS = st.lists(st.tuples(KINDS, NUMBERS, NUMBERS), min_size=1, max_size=4)


def _text(blocks: dict[str, list[str]]) -> bytes:
    return "".join([*HEAD, *(line for name in blocks for line in blocks[name])]).encode()


STOCK_TEXT, PATCHED_TEXT = _text(STOCK), _text(PATCHED)


def _functions(data: bytes) -> dict[str, list[str]]:
    classes = [node for node in ast.parse(data).body if isinstance(node, ast.ClassDef)]
    found: dict[str, list[str]] = {}
    for node in itertools.chain.from_iterable(part.body for part in classes):
        found.setdefault(node.name if isinstance(node, ast.FunctionDef) else "", []).append(ast.dump(node))
    return found


def _edited(lines: list[str], edits: list[tuple[str, int, int]]) -> list[str]:
    lines = list(lines)
    for kind, one, other in edits:
        at, to = one % len(lines), other % len(lines)
        indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())] if lines[at].strip() else ""
        if kind in {"log", "comment", "blank"}:
            lines.insert(at, {"log": f"{indent}print(1)\n", "comment": f"{indent}# ours\n", "blank": "\n"}[kind])
        elif kind == "cut" and len(lines) > 1:
            del lines[at]
        elif kind == "rename":
            lines[at] = lines[at].replace("name", "named")
        elif kind == "swap":
            lines[at], lines[to] = lines[to], lines[at]
        elif kind == "double":
            lines.insert(to, lines[at])
        elif kind == "wrap":
            lines[at] = lines[at].replace("(name)", f"(\n{indent}    name,\n{indent})")
    return lines


def _blocks(edits: list[tuple[str, int, int]]) -> dict[str, list[str]]:
    """Edits of whole functions: twins swapped, doubled, dropped, and new ones; or of lines in one of them."""
    names = list(NAMES)
    blocks = {name: list(lines) for name, lines in STOCK.items()}
    for number, (kind, one, other) in enumerate(edits):
        at, to = one % len(names), other % len(names)
        if kind == "swap":
            names[at], names[to] = names[to], names[at]
        elif kind == "drop" and len(names) > 1:
            del names[at]
        elif kind == "new":
            blocks[f"new{number}"] = _method(f"new{number}")
            names.insert(at, f"new{number}")
        else:
            blocks[names[at]] = _edited(blocks[names[at]], [(kind, other, one)])
    return {name: blocks[name] for name in names}


def _see(found: bytes) -> str:
    """Merge, see by the syntax alone that each function is what it must be, and tell whether it was merged."""
    try:
        merged = merge_edited(PATH, found, [STOCK_TEXT, PATCHED_TEXT], PATCHED_TEXT, "1.83.0")
    except DriftedError:
        return "refused"
    assert take_out(PATH, merged.after, merged.undo) == merged.before == found
    stock, patched, mine, now = map(_functions, (STOCK_TEXT, PATCHED_TEXT, found, merged.after))
    assert now.keys() == mine.keys() | {"derived"}
    for name, bodies in now.items():
        if name == "derived":
            assert bodies == patched[name]
        elif name not in FIXED:
            assert bodies == mine[name], name
        elif mine[name] == stock[name]:
            assert bodies == patched[name], name
        else:
            assert [body.replace(_RESOLVED, _NAME) for body in bodies] == mine[name], name
            assert sum(body.count(_RESOLVED) for body in bodies) == 1, name
    return "merged"


_MANY = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@_MANY
@given(EDITS)
def test_edits_of_functions(edits: list[tuple[str, int, int]]) -> None:
    event(_see(_text(_blocks(edits))))


@_MANY
@given(EDITS)
def test_edits_of_lines(edits: list[tuple[str, int, int]]) -> None:
    event(_see("".join(_edited(STOCK_TEXT.decode().splitlines(keepends=True), edits)).encode()))


@_MANY
@given(st.lists(st.tuples(st.sampled_from(["first", "third", "last"]), KINDS, NUMBERS), min_size=1, max_size=4))
def test_outside_of_the_hunks_a_merge_is_patch_then_edit(edits: list[tuple[str, str, int]]) -> None:
    def edit(blocks: dict[str, list[str]]) -> bytes:
        blocks = dict(blocks)
        for name, kind, number in edits:
            # what is between the first line and the last: a blank line apart from what the patch changes
            lines = blocks[name][:-2]
            blocks[name] = [*_edited(lines, [(kind, number, number)]), *blocks[name][-2:]]
        return _text(blocks)

    found = edit(STOCK)
    if found == STOCK_TEXT or not _is_python(found):
        return
    merged = merge_edited(PATH, found, [STOCK_TEXT, PATCHED_TEXT], PATCHED_TEXT, "1.83.0")
    assert merged.after == edit(PATCHED)
    assert take_out(PATH, merged.after, merged.undo) == found


def _is_python(data: bytes) -> bool:
    try:
        ast.parse(data)
    except SyntaxError:
        return False
    return True


def test_the_property_sees_a_wrong_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """What git alone makes of a function under another name is noticed here, if the tool does not."""
    found = STOCK_TEXT.replace(b"def acompletion(", b"def other(")
    monkeypatch.setattr("litellm_patch.patching.merging.strayed", lambda *_: [])
    with pytest.raises(AssertionError):
        _see(found)
