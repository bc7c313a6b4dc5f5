"""`python -m upkeep`."""

from upkeep.command import main

main(prog_name="upkeep")
