"""Elements that show something: text, charts, provenance, navigation."""
