"""What is found in a source file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Function:
    """A function or method.

    Attributes:
        name: Its name, behind that of its class or type: `Core.fall_back`.
        line: The line that it begins in, from 1, decorators aside.
        end: The line that it ends in.
        text: Its lines; in Rust, without comments and strings.
    """

    name: str
    line: int
    end: int
    text: str
