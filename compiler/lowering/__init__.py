"""One file per spiking module: what it emits into the graph."""
