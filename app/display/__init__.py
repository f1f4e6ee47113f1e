"""Elements that pages display: text, charts, provenance, navigation."""
