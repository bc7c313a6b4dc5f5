"""The verbs of `releases`: write the ledger from the index, check it, and prove each of its entries."""

from litellm_patch.releases.checking import check
from litellm_patch.releases.proving import prove
from litellm_patch.releases.surroundings import Surroundings
from litellm_patch.releases.updating import update

__all__ = ["Surroundings", "check", "prove", "update"]
