"""What upstream asks of a pull request, tried here: its tools and rules, the tests and the proof on both arms."""
