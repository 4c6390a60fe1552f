"""The report: one page of HTML on an image and perhaps a run, with nothing around it."""
