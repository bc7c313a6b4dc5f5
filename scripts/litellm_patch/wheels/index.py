"""A package index: which releases of litellm it has, and their wheels."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from litellm_patch.errors import MissingLibraryError, WheelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from packaging.version import Version
    from pypi_simple import DistributionPackage, PyPISimple

_PROJECT = "litellm"
_TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two pieces of an answer
_RETRY = "try again later, or name another index with --index-url"
_CA_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")  # the library itself ignores the last


@dataclass(frozen=True)
class Offer:
    """One release on the index: all its files, as the index describes them."""

    version: Version
    files: tuple[DistributionPackage, ...]

    @property
    def yanked(self) -> bool:
        """Whether every single file was yanked."""
        return all(file.is_yanked for file in self.files)

    @cached_property
    def wheels(self) -> Mapping[str, str]:
        """The sha256 of each wheel, by file name; empty for a release without wheels."""
        wheels = sorted(file.filename for file in self.files if file.filename.endswith(".whl"))
        hashes = {file.filename: file.digests.get("sha256", "").lower() for file in self.files}
        for name in wheels:
            if not re.fullmatch(r"[0-9a-f]{64}", hashes[name]):
                raise WheelError(f"the index gives no sha256 of {name}", _RETRY)
        return {name: hashes[name] for name in wheels}

    @cached_property
    def uploaded(self) -> datetime:
        """When the first of the wheels was uploaded: UTC, whole seconds."""
        times = []
        for file in self.files:
            if file.filename in self.wheels:
                if file.upload_time is None or file.upload_time.tzinfo is None:
                    raise WheelError(f"the index gives no upload time of {file.filename}", _RETRY)
                times.append(file.upload_time.astimezone(timezone.utc))
        return min(times).replace(microsecond=0)

    @property
    def best(self) -> str:
        """The name of the wheel to read sources from: the one of least surprise."""
        return min(self.wheels, key=lambda name: (_rank(name), name))


class Index:
    """An index with the simple API. Nothing is asked, and no library imported, before it is needed."""

    def __init__(self, url: str | None = None) -> None:
        """Keep the address.

        Args:
            url: The root of the simple API, also in uv's form `name=url`; PyPI if not given.
        """
        self._url = re.sub(r"^[\w.-]+=(?=\w+://)", "", url or "")

    @cached_property
    def offers(self) -> Mapping[Version, Offer]:
        """Every release; asked for once.

        Raises:
            WheelError: The index does not answer, or not as the simple API does.
            MissingLibraryError: The library that speaks the simple API is not installed.
        """
        with self._client(f"the index's page of {_PROJECT}") as client:
            page = client.get_project_page(_PROJECT, timeout=_TIMEOUT)
        files: dict[Version, list[DistributionPackage]] = {}
        for package in page.packages:
            with contextlib.suppress(InvalidWheelFilename, InvalidSdistFilename):  # an egg, or a name of old times
                is_wheel = package.filename.endswith(".whl")
                parse = parse_wheel_filename if is_wheel else parse_sdist_filename
                files.setdefault(parse(package.filename)[1], []).append(package)
        return {version: Offer(version, tuple(found)) for version, found in files.items()}

    def download(self, version: Version, name: str, path: Path) -> None:
        """Fetch a wheel, and keep it only if it has the hash that the index states.

        Raises:
            WheelError: It cannot be fetched whole, or has another hash; or see `offers`.
            OSError: It cannot be written.
        """
        (package,) = (file for file in self.offers[version].files if file.filename == name)
        with self._client(name) as client:
            client.download_package(package, path, timeout=_TIMEOUT)

    @contextlib.contextmanager
    def _client(self, what: str) -> Iterator[PyPISimple]:
        """Give a client of its own, fit for one thread, and turn each way to fail into one line."""
        try:
            import pypi_simple  # noqa: PLC0415 - only maintainers need it
            import requests  # noqa: PLC0415
        except ImportError as error:
            raise MissingLibraryError(
                f"{error.name} is not installed",
                "install what it needs: pip install 'pypi-simple>=1.8' 'requests>=2.32'",
            ) from error
        session = requests.Session()
        session.verify = next(filter(None, map(os.environ.get, _CA_BUNDLES)), True)
        endpoint = self._url or pypi_simple.PYPI_SIMPLE_ENDPOINT
        try:
            with pypi_simple.PyPISimple(endpoint, session=session, accept=pypi_simple.ACCEPT_JSON_PREFERRED) as client:
                yield client
        except pypi_simple.NoSuchProjectError as error:
            raise WheelError(f"the index has no project {_PROJECT}", _RETRY) from error
        except pypi_simple.DigestMismatchError as error:
            raise WheelError(
                f"{what} has {error.algorithm} {error.actual_digest}, the index says {error.expected_digest}", _RETRY
            ) from error
        except requests.HTTPError as error:  # its own text shows a password in the address
            status = error.response.status_code if error.response is not None else "with an error"
            raise WheelError(f"{what}: the server answered {status}", _RETRY) from error
        except (requests.RequestException, pypi_simple.UnsupportedRepoVersionError, ValueError) as error:
            reason = re.sub(r"//[^/@\s]*@", "//", str(error).partition("\n")[0])
            raise WheelError(f"{what} could not be fetched: {type(error).__name__}: {reason}", _RETRY) from error


def _rank(name: str) -> int:
    """Order wheels: pure, then one for the commonest machine, then any."""
    tags = parse_wheel_filename(name)[3]
    if any(tag.platform == "any" for tag in tags):
        return 0
    fits = any(
        (tag.interpreter == "cp311" or tag.abi == "abi3") and re.fullmatch(r"manylinux.*_x86_64", tag.platform)
        for tag in tags
    )
    return 1 if fits else 2
