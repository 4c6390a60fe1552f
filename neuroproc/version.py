"""The version, where both the program and its files can see it."""

VERSION = "0.1.0"
