"""`benchmark speed`: each goal of speed, measured as a ratio in one run."""
