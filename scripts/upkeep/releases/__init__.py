"""Write the ledger from the index, check it, and prove each of its entries."""
