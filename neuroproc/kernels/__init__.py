"""Fast engines: numba kernels and the arrays they run on. Nothing else in the package knows of numba."""
