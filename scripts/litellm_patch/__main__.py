"""Run the tool as `python -m litellm_patch`."""

from litellm_patch.cli import main

if __name__ == "__main__":
    main(prog_name="litellm-patch")
