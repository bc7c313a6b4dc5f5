"""What must be true of the model and of the worlds drawn for it, whatever litellm does; needs no litellm."""
