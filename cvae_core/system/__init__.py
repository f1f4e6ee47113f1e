"""Files, processes, devices, logs and checks of stored values; nothing here knows about models."""
