"""`benchmark denoise --study conditioning`: how a network is best shown the scan (S3)."""
