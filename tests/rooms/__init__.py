"""The rules of the house: which room may import which."""
