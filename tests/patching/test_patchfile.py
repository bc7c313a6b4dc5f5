"""Parsing is strict, and a hunk lands at its recorded line or nowhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_patch.errors import PatchError
from litellm_patch.patching.patchfile import is_safe_path, parse_patch
from tests.patching.factory import PATCHED, ROUTER, STOCK, make_patch
from upkeep.releases.locating import locate

_LINES = st.lists(
    st.sampled_from([b"a\n", b"b\n", b"\n", b" \n", b"-c\n", b"\xc3\xa9\n", b"d\re\n", b"@@\n", b"\x0c\n"])
)
_TEXT = st.builds(lambda lines, end: b"".join(lines) + end, _LINES, st.sampled_from([b"", b"end", b"\\"]))
_TWINS = b"def a():\n    x = 1\n    return x\n\n\ndef b():\n    x = 1\n    return x\n"
_INNER = b"--- a/litellm/x.py\n+++ b/litellm/x.py\n@@ -2 +2 @@\n-    x = 1\n+    x = 2\n"


@given(_TEXT, _TEXT, st.integers(0, 3), st.lists(st.just(b"above\n"), max_size=4))
def test_any_edit_goes_in_and_comes_out(old: bytes, new: bytes, context: int, above: list[bytes]) -> None:
    if old == new:
        return
    patch = parse_patch(make_patch({"litellm/x.py": old}, {"litellm/x.py": new}, context), "x.patch")["litellm/x.py"]
    shift = [len(above)] * len(patch.hunks)
    prefix = b"".join(above)
    assert patch.apply(prefix + old, shift) == prefix + new
    assert patch.apply(prefix + new, shift, reverse=True) == prefix + old


@given(st.data())
def test_a_single_changed_line_in_a_hunk_is_refused(data: st.DataObject) -> None:
    patch = parse_patch(make_patch(STOCK, PATCHED), "x.patch")[ROUTER]
    hunk = data.draw(st.sampled_from(patch.hunks))
    lines = STOCK[ROUTER].splitlines(keepends=True)
    at = hunk.before_start + data.draw(st.integers(0, len(hunk.before) - 1))
    lines[at] = b"#" + lines[at]
    with pytest.raises(PatchError, match=r"hunk \d does not match at line"):
        patch.apply(b"".join(lines), [0] * len(patch.hunks))


def test_a_hunk_goes_to_its_offset_and_never_to_a_twin() -> None:
    patch = parse_patch(_INNER, "x.patch")["litellm/x.py"]
    assert patch.apply(_TWINS, [5]) == _TWINS[:30] + _TWINS[30:].replace(b"1", b"2")
    assert patch.apply(_TWINS, [0]) == _TWINS.replace(b"1", b"2", 1)
    for offset in (1, 4, 6, 100, -1, -2, -5):
        with pytest.raises(PatchError, match="does not match"):
            patch.apply(_TWINS, [offset])


def test_hunks_must_be_in_order_and_counted() -> None:
    second = b"@@ -7 +7 @@\n-    x = 1\n+    x = 3\n"
    patch = parse_patch(_INNER + second, "x.patch")["litellm/x.py"]
    with pytest.raises(PatchError, match="hunk 2 does not match"):
        patch.apply(_TWINS, [5, -5])
    with pytest.raises(PatchError, match="2 hunks, not 1"):
        patch.apply(_TWINS, [0])


def test_locate_gives_the_offsets() -> None:
    patch = parse_patch(make_patch(STOCK, PATCHED), "x.patch")[ROUTER]
    assert locate(patch, b"# one\n# two\n" + STOCK[ROUTER]) == (2,)


def test_locate_refuses_what_is_ambiguous_or_absent() -> None:
    patch = parse_patch(_INNER, "x.patch")["litellm/x.py"]
    with pytest.raises(PatchError, match="lines that fit: 2, 7"):
        locate(patch, _TWINS)
    with pytest.raises(PatchError, match="lines that fit: none"):
        locate(patch, b"nothing\n")


@given(st.data())
def test_locate_names_the_line_that_does_not_fit(data: st.DataObject) -> None:
    patch = parse_patch(make_patch(STOCK, PATCHED), "x.patch")[ROUTER]
    hunk = patch.hunks[0]
    lines = STOCK[ROUTER].splitlines(keepends=True)
    at = hunk.before_start + data.draw(st.integers(0, len(hunk.before) - 1))
    before, lines[at] = lines[at].decode().rstrip("\n"), b"odd\n"
    place = data.draw(st.integers(0, 3))
    with pytest.raises(PatchError) as caught:
        locate(patch, b"new\n" * place + b"".join(lines))
    assert f"but line {at + place + 1} is 'odd', expected {before!r}" in str(caught.value)


def test_locate_names_the_end_of_a_file_that_is_too_short() -> None:
    patch = parse_patch(make_patch(STOCK, PATCHED), "x.patch")[ROUTER]
    short = STOCK[ROUTER].rpartition(b"END")[0]
    with pytest.raises(PatchError, match=r"line 16 is '\(end of file\)', expected \"END = 'no newline'\""):
        locate(patch, short)
    with pytest.raises(PatchError, match="nearest at line 1, but line 1 is"):
        locate(patch, b"")


def test_crlf_is_refused() -> None:
    patch = parse_patch(_INNER, "x.patch")["litellm/x.py"]
    with pytest.raises(PatchError, match="CRLF"):
        patch.apply(_TWINS.replace(b"\n", b"\r\n"), [0])
    with pytest.raises(PatchError, match="CRLF"):
        parse_patch(_INNER.replace(b"\n", b"\r\n"), "x.patch")


@pytest.mark.parametrize(
    "path",
    [
        "litellm/../../etc/passwd",
        "litellm/./x.py",
        "litellm/..",
        "../litellm/x.py",
        "/etc/passwd",
        "/litellm/x.py",
        "other/x.py",
        "litellm",
        "litellm/",
        "litellm//x.py",
        "litellm\\x.py",
        "litellm/a\\..\\x.py",
        "litellm/C:x.py",
        "litellm/a b.py",
        "Litellm/x.py",
    ],
)
def test_a_path_outside_the_package_is_refused(path: str) -> None:
    assert not is_safe_path(path)
    with pytest.raises(PatchError):
        parse_patch(_INNER.replace(b"litellm/x.py", path.encode()), "x.patch")


@pytest.mark.parametrize(
    "patch",
    [
        b"",
        b"no patch\n",
        b"\xff\xfe",
        _INNER + _INNER,
        _INNER[:-11],
        _INNER + b"+    too = long\n",
        _INNER + b"     too = long\n",
        _INNER.replace(b"@@ -2 +2 @@", b"@@ -2,2 +2,2 @@"),
        _INNER.replace(b"--- a/litellm/x.py", b"--- /dev/null"),
        _INNER.replace(b"+++ b/litellm/x.py", b"+++ /dev/null"),
        _INNER.replace(b"+++ b/litellm/x.py", b"+++ b/litellm/y.py"),
        _INNER.replace(b"+++ b/", b"+++ a/"),
        b"diff --git a/litellm/x.py b/litellm/x.py\nold mode 100644\nnew mode 100755\n" + _INNER,
        b"diff --git a/litellm/x.py b/litellm/x.py\nold mode 100644\nnew mode 100755\n",
        b"diff --git a/litellm/x.so b/litellm/x.so\nBinary files a/litellm/x.so and b/litellm/x.so differ\n",
    ],
)
def test_a_damaged_or_unusual_patch_is_refused(patch: bytes) -> None:
    with pytest.raises(PatchError):
        parse_patch(patch, "x.patch")


@given(st.data())
def test_no_damage_gives_anything_but_a_refusal(data: st.DataObject) -> None:
    patch = make_patch(STOCK, PATCHED)
    start = data.draw(st.integers(0, len(patch)))
    end = data.draw(st.integers(start, min(start + 40, len(patch))))
    damaged = patch[:start] + data.draw(st.binary(max_size=20)) + patch[end:]
    try:
        for path, file in parse_patch(damaged, "x.patch").items():
            file.apply(STOCK[path], [0] * len(file.hunks))
    except (PatchError, KeyError) as error:
        assert isinstance(error, PatchError) or error.args[0] not in STOCK  # noqa: PT017 - KeyError: another file
