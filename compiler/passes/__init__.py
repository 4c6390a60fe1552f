"""One file per pass: valid graph in, valid graph out, same answers."""
