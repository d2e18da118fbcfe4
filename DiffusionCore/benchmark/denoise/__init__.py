"""`benchmark denoise`: every method on the same noisy test scans, with gates, tables and plots; and S0's table."""
