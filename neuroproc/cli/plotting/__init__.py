"""One file for each kind of picture that ``neuroproc plot`` draws."""
