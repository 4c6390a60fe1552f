"""What a fold costs, counted without building it, and the search over all folds."""
