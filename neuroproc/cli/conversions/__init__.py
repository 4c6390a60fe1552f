"""What `neuroproc convert` can do: a function for each way, which writes the target and tells what is lost."""
