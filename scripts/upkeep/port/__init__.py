"""Carry the newest patch over to a release that the ledger lacks."""
