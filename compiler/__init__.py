"""Lowers layered networks with 0/1 activations to processor images, exactly."""
