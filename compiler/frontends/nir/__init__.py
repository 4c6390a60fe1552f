"""Networks in the Neuromorphic Intermediate Representation: read from files of any revision, and written."""
