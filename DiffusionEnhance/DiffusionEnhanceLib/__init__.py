"""The panel that enhances scans: parameters, choices, the panel itself, its result, its preview, its own test."""
