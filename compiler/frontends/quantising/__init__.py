"""Models of real numbers to layered networks of integers: exact by fractions, and labelled where that cannot be."""
