"""Read images of other people: folders, archives, arrays and tables of files become a data set of the lab."""
