"""Where and when: lanes, tiles, slots and cycles of every map."""
