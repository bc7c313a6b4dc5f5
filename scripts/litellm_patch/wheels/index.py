"""A package index: which releases of litellm it has, and their files."""

from __future__ import annotations

import contextlib
import os
import re
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
RETRY = "try again later, or name another index with --index-url"
_CA_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")  # the library itself ignores the last


class Index:
    """An index with the simple API. Nothing is asked, and no library imported, before it is needed."""

    def __init__(self, url: str | None = None) -> None:
        """Keep the root of the simple API, also in uv's form `name=url`; PyPI if not given."""
        self._url = re.sub(r"^[\w.-]+=(?=\w+://)", "", url or "")

    @cached_property
    def files(self) -> Mapping[Version, Mapping[str, DistributionPackage]]:
        """The files of every release, by name; asked for once.

        Raises:
            WheelError: The index does not answer, or not as the simple API does.
            MissingLibraryError: The library that speaks the simple API is not installed.
        """
        with self._client(f"the index's page of {_PROJECT}") as client:
            page = client.get_project_page(_PROJECT, timeout=_TIMEOUT)
        files: dict[Version, dict[str, DistributionPackage]] = {}
        for package in page.packages:
            with contextlib.suppress(InvalidWheelFilename, InvalidSdistFilename):  # an egg, or a name of old times
                is_wheel = package.filename.endswith(".whl")
                parse = parse_wheel_filename if is_wheel else parse_sdist_filename
                files.setdefault(parse(package.filename)[1], {})[package.filename] = package
        return files

    def download(self, version: Version, name: str, path: Path) -> None:
        """Fetch a wheel, and keep it only if it has the hash that the index states.

        Raises:
            WheelError: It cannot be fetched whole, or has another hash; or see `files`.
            OSError: It cannot be written.
        """
        package = self.files[version][name]
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
            raise WheelError(f"the index has no project {_PROJECT}", RETRY) from error
        except pypi_simple.DigestMismatchError as error:
            raise WheelError(
                f"{what} has {error.algorithm} {error.actual_digest}, the index says {error.expected_digest}", RETRY
            ) from error
        except requests.HTTPError as error:  # its own text shows a password in the address
            status = error.response.status_code if error.response is not None else "with an error"
            raise WheelError(f"{what}: the server answered {status}", RETRY) from error
        except (requests.RequestException, pypi_simple.UnsupportedRepoVersionError, ValueError) as error:
            reason = re.sub(r"//[^/@\s]*@", "//", str(error).partition("\n")[0])
            raise WheelError(f"{what} could not be fetched: {type(error).__name__}: {reason}", RETRY) from error
