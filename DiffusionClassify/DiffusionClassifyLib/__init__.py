"""The panel that classifies: parameters, what the input is, models, the panel itself, its result, its own test."""
