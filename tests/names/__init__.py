"""What the patched Router does with names; runs inside the environment of each litellm release, in two arms."""
