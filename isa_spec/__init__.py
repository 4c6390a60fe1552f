"""What the processor and its image are, as data that checks itself."""
