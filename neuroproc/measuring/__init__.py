"""What an image is and what a run did, counted: sizes, activity, benchmark metrics, bills."""
