"""The runner: a referee that owns data, clock and arithmetic, a contestant that runs submitted code, an inspector."""
