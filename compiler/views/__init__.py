"""Images and networks for people: graphs and drawings."""
