"""What every long job has: files and checkpoints, signals, progress, provenance, devices."""
