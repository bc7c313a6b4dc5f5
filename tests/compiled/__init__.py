"""The compiled Router's extension: built, kept and put in place, with a cargo that only pretends."""
