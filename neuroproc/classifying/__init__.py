"""Sets of frames through an image: encoded, run as one stream over threads, lanes and machines, decoded."""
