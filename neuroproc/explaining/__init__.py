"""Why a neuron fired, what neurons are called, and what differs between two images."""
