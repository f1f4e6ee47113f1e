"""Make data sets on this machine: characters and emoji drawn with installed fonts."""
