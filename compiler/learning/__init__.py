"""Training: networks of 0/1 units and rate-coded ones, from labelled frames to a layered network of integers."""
