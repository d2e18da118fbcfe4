"""`benchmark denoise --study`: how a network is best shown the scan (S3), and S0's table."""
