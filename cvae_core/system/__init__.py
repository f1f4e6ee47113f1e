"""Files, processes, devices, logs and checks of stored values, independent of models."""
