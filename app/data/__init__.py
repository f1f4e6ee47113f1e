"""The views of the page Data: the data sets here, an upload with its report, and data sets made from fonts."""
