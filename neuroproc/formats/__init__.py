"""Files that cross the border: spikes, frames, and how a file is read and written."""
