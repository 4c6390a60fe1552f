"""What a unit needs beside its weights, so that every slot starts clean: thresholds and proofs, by code."""
