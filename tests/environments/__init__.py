"""The environments that the behaviour tests trust: made from real wheels, and refused when they are not stock."""
