"""Failed lookups in logs."""

from __future__ import annotations

import gzip
import importlib
import io
import json
import random
import sys
import tracemalloc

import pytest

from litellm_patch.doctor import logs
from litellm_patch.doctor.logs import read_log
from tests.doctor.clinic import ACME_1, SECRETS, Clinic

OLD = "INFO: No fallback model group found for original model_group={}. Fallbacks=[{{'a': ['b']}}]"
LADDER = "INFO: No fallback model group found for lookup_groups={}. Fallbacks=[{{'a': ['b']}}]"
NEW = (
    "LiteLLM: model group '{}' failed with the error above and no fallback model group was found for it, so the "
    "request was not retried on another model. Fallbacks are configured only for: a."
)
NONE_TRIED = "LiteLLM: model group '{}' failed with the error above. No fallback was attempted."
TWO_LINES = "litellm.InternalServerError: x. Received Model Group={}\nAvailable Model Group Fallbacks=None"
WORDINGS = [OLD, LADDER, NEW, NONE_TRIED, TWO_LINES]


def groups(text: str) -> dict[str, int]:
    return dict(read_log(io.BytesIO(text.encode())).groups)


@pytest.mark.parametrize("wording", WORDINGS)
@pytest.mark.parametrize("name", ["gpt-4.1", "acme/zeta", "a b", "größe", "it's"])
def test_every_release_s_words(wording: str, name: str) -> None:
    said = wording.format(name)
    assert groups(f"before\n{said}\nafter\n{said}") == {name: 2}
    assert groups(said.replace("\n", "\r\n")) == {name: 1}
    assert groups(json.dumps({"message": said, "level": "ERROR"}, ensure_ascii=False)) == {name: 1}


def test_a_message_that_says_it_twice_is_one_error() -> None:
    assert groups(f"{OLD.format('g')}. Received Model Group=g\nAvailable Model Group Fallbacks=None") == {"g": 2}
    assert groups(f"{OLD.format('g')}. Received Model Group=g\\nAvailable Model Group Fallbacks=None") == {"g": 1}


def test_a_chain_that_was_there_is_no_failed_lookup() -> None:
    assert groups("x. Received Model Group=g\nAvailable Model Group Fallbacks=['a']") == {}
    assert groups("x. Received Model Group=g\nanother line\nAvailable Model Group Fallbacks=None") == {}


def test_of_several_names_the_caller_s_is_counted() -> None:
    assert groups(LADDER.format("hop -> gpt-4.1")) == {"gpt-4.1": 1}


def test_what_would_have_served(clinic: Clinic) -> None:
    text = "\n".join([OLD.format("gpt-4.1")] * 2 + [NEW.format("prod"), TWO_LINES.format("claude"), SECRETS[0]])
    answer = clinic.json(9, "--log", "-", stdin=text.encode())

    assert (answer["lines"], answer["broken"], answer["errors"]) == (6, 0, 4)
    assert [(found["model_group"], found["errors"]) for found in answer["groups"]] == [
        ("gpt-4.1", 2),
        ("prod", 1),
        ("claude", 1),
    ]
    served = [found["served_by"] for found in answer["groups"]]
    lists = ("fallbacks", "context_window_fallbacks")  # from 1.110 on a request that exceeds its window asks both
    assert served[0] == [{"list": name, "key": ACME_1, "targets": ["backup"], "team": "acme"} for name in lists]
    assert served[1] == [{"list": name, "key": "gpt-4o", "targets": ["claude"], "team": None} for name in lists]
    assert served[2] == [], "it has a chain of its own on stock too"
    said = clinic.run(clinic.path, "--log", "-", stdin=text.encode()).stdout
    assert f"{ACME_1} -> backup (fallbacks, for team acme)" in said
    assert said.splitlines()[-1] == "4 failed lookup(s) in 6 line(s), counted by line: one request can be several"


def test_lines_of_one_request_count_once(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    def lines(number: int) -> list[str]:
        name = f"0f5e8a1c-{number}"
        return [
            json.dumps({"message": LADDER.format("gpt-4.1"), "litellm_call_id": name}),
            f"x-litellm-call-id: {name} {NEW.format('gpt-4.1')}",
            f"request_id={name} {NEW.format('gpt-4.1')}",
        ]

    text = "\n".join([*lines(1), *lines(2), NEW.format("gpt-4.1"), *lines(1)])
    answer = clinic.json(9, "--log", "-", stdin=text.encode())
    assert (answer["lines"], answer["errors"], answer["by_request"]) == (10, 3, 2)
    last = clinic.run(clinic.path, "--log", "-", stdin=text.encode()).stdout.splitlines()[-1]
    assert last == "3 failed lookup(s) in 10 line(s), counted by request but for 1 without a request's id"
    last = clinic.run(clinic.path, "--log", "-", stdin="\n".join(lines(1)).encode()).stdout.splitlines()[-1]
    assert last == "1 failed lookup(s) in 3 line(s), counted by request"
    monkeypatch.setattr(logs, "MOST_GROUPS", 1)
    assert len(read_log(io.BytesIO(text.encode())).seen) == 1


def test_a_log_alone_is_counted(clinic: Clinic) -> None:
    log = clinic.folder / "proxy.log"
    log.write_text(f"{OLD.format('gpt-4.1')}\n", encoding="utf-8")
    result = clinic.run("--log", log, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["groups"] == [{"model_group": "gpt-4.1", "errors": 1, "served_by": []}]
    log.write_text("all is well\n", encoding="utf-8")
    assert clinic.run("--log", log).stdout.splitlines() == ["0 failed lookup(s) in 1 line(s)"]


def test_broken_lines_are_skipped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LONGEST_LINE", 200)
    good = OLD.format("g").encode()
    tally = read_log(io.BytesIO(b"\n".join([good, good + b"\xff", good * 9, b"", good, b"\xff", good * 9])))
    assert (tally.lines, tally.broken, dict(tally.groups)) == (7, 4, {"g": 2})
    assert read_log(io.BytesIO(b"x" * 200 + b"\n")).lines == 1


def test_callers_who_make_up_names(monkeypatch: pytest.MonkeyPatch, clinic: Clinic) -> None:
    monkeypatch.setattr(logs, "MOST_GROUPS", 2)
    text = "\n".join(OLD.format(name) for name in "abcab")
    answer = clinic.json(0, "--log", "-", stdin=text.encode())
    assert ({g["model_group"] for g in answer["groups"]}, answer["others"], answer["errors"]) == ({"a", "b"}, 1, 5)
    assert "1 of model groups beyond the first 2" in clinic.run("--log", "-", stdin=text.encode()).stdout


@pytest.mark.slow
def test_a_large_log_streams() -> None:
    class Log(io.RawIOBase):
        left = 100_000

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            line = (OLD.format(f"g{self.left % 7}") + "\n").encode()
            if not self.left:
                return 0
            count = min(self.left, len(buffer) // len(line))
            self.left -= count
            buffer[: count * len(line)] = line * count
            return count * len(line)

    tracemalloc.start()
    tally = read_log(io.BufferedReader(Log(), 1 << 16))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert tally.lines == tally.groups.total() == 100_000
    assert peak < 2_000_000


def test_any_bytes_are_a_log() -> None:
    draw = random.Random(9)  # noqa: S311
    pieces = [*(w.format("g").encode() for w in WORDINGS), b"\n", b"\xff", b"\0", b"Received Model Group=", b" -> "]
    for _ in range(300):
        read_log(io.BytesIO(b"".join(draw.choices(pieces, k=12))))


def test_a_log_that_cannot_be_read(clinic: Clinic) -> None:
    assert "No such file" in clinic.refused(1, "--log", clinic.folder / "absent.log")
    assert "cannot be read" in clinic.refused(1, "--log", clinic.folder)


def packed(how: str, data: bytes) -> bytes:
    if how == "gzip":
        return gzip.compress(data)
    try:
        library = importlib.import_module("compression.zstd")
    except ImportError:
        library = pytest.importorskip("backports.zstd")
    compressed: bytes = library.compress(data)
    return compressed


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_a_compressed_log_is_read(clinic: Clinic, how: str) -> None:
    text = "\n".join([OLD.format("gpt-4.1"), TWO_LINES.format("gpt-4.1")] * 2000).encode()
    log = clinic.folder / "proxy.log.1"
    log.write_bytes(packed(how, text))
    answers = [clinic.json(9, "--log", log), clinic.json(9, "--log", "-", stdin=log.read_bytes())]
    assert [(answer["lines"], answer["broken"], answer["errors"]) for answer in answers] == [(6000, 0, 4000)] * 2


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_a_compressed_log_that_is_damaged(clinic: Clinic, how: str) -> None:
    text = "".join(f"{number}\n" for number in range(9999)).encode()
    data = bytearray(packed(how, text))
    data[len(data) // 2 :] = b"\xff" * 50
    log = clinic.folder / "proxy.log"
    log.write_bytes(data)
    assert "the compressed log is damaged or cut" in clinic.refused(1, "--log", log)


def test_zstd_without_a_library(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    log = clinic.folder / "proxy.log.zst"
    log.write_bytes(b"\x28\xb5\x2f\xfd rest")
    assert "pip install backports.zstd; or: zstd -dc FILE | litellm-patch doctor --log -" in clinic.refused(
        1, "--log", log
    )


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_log_that_tells_nothing_is_no_green(clinic: Clinic, options: tuple[str, ...]) -> None:
    log = clinic.folder / "proxy.log"
    log.write_bytes(b"\xff\n" * 18)
    assert "has nothing to count: no line of 18 can be read" in clinic.refused(1, "--log", log, *options)
    log.write_bytes(b"")
    assert "has nothing to count: it is empty" in clinic.refused(1, clinic.path, "--log", log, *options)
