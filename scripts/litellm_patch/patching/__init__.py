"""Find a litellm, judge its state against the ledger, and replace its files."""
