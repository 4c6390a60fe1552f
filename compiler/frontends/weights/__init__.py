"""Weights of trained networks, dumped to one .npz in the words of Keras, Larq and Whetstone."""
