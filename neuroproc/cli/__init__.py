"""The command line: one file per command, the only place that sees compiler and emulator together."""
