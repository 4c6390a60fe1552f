"""What networks are written in elsewhere, brought exactly into integers, 0 and 1: one file per form."""
